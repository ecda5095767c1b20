"""Figures in the page as data, and plotly.js, which draws them. It is compressed to a third of its size."""

import base64
import gzip
from functools import cache

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

DRAW = """
const packed = Uint8Array.from(atob(document.getElementById("plotly").textContent), letter => letter.charCodeAt(0));
const unpack = async () =>
  new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
const narrow = matchMedia("(max-width: 600px)").matches;
const ink = place => getComputedStyle(place).color;
const drawn = unpack().then(source => {
  const script = document.createElement("script");
  script.textContent = source;
  document.head.append(script);
  return Promise.all([...document.querySelectorAll(".figure")].map(place => {
    const figure = JSON.parse(place.nextElementSibling.textContent);
    const plot = place.firstElementChild;
    plot.style.height = (figure.layout.height || 450) + "px";
    plot.style.minWidth = (figure.layout.meta?.leastWidth || 0) + "px";
    figure.layout.font.color = ink(place);
    if (narrow) {
      figure.layout.margin.l = Math.min(figure.layout.margin.l, 120);
      figure.layout.legend = {orientation: "h", x: 0, y: -0.25, yanchor: "top"};
      figure.layout.title = {text: figure.layout.title.text, font: {size: 14}};
    }
    const settings = {displaylogo: false, responsive: true, displayModeBar: narrow ? false : "hover"};
    return Plotly.newPlot(plot, figure.data, figure.layout, settings);
  }));
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.then(() =>
  document.querySelectorAll(".plot").forEach(plot => Plotly.relayout(plot, {"font.color": ink(plot)}))));
"""
"""`drawn` is a promise: code that needs the drawn figures waits for it. Browsers have DecompressionStream since 2023.
Text has the page's colour. A figure that is too wide for a phone can be scrolled there."""


def figure_html(figure: go.Figure) -> str:
    """The HTML of a figure: the place where it is drawn, and its data beside it."""
    data = figure.to_json().replace("<", "\\u003c")
    place = f'<div class="figure" role="group" aria-label="{figure.layout.title.text}"><div class="plot"></div></div>'
    return f'{place}<script type="application/json">{data}</script>'


@cache
def plotly_html() -> str:
    """The HTML with the compressed library."""
    packed = base64.b64encode(gzip.compress(get_plotlyjs().encode(), 9, mtime=0)).decode()
    return f'<script id="plotly" type="application/gzip">{packed}</script>'

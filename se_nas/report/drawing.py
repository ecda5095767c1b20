"""Figures in the page as data, and plotly.js, packed, which draws them: a third of the size that it has unpacked."""

import base64
import gzip
from functools import cache

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

DRAW = """
const packed = Uint8Array.from(atob(document.getElementById("plotly").textContent), letter => letter.charCodeAt(0));
const unpack = async () =>
  new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
const drawn = unpack().then(source => {
  const script = document.createElement("script");
  script.textContent = source;
  document.head.append(script);
  return Promise.all([...document.querySelectorAll(".figure")].map(place => {
    const figure = JSON.parse(place.nextElementSibling.textContent);
    const plot = place.firstElementChild;
    plot.style.height = (figure.layout.height || 450) + "px";
    return Plotly.newPlot(plot, figure.data, figure.layout, {displaylogo: false, responsive: true});
  }));
});
"""
"""`drawn` is a promise: whoever needs the drawn figures waits for it. DecompressionStream is in browsers since 2023."""


def figure_html(figure: go.Figure) -> str:
    """Where a figure is drawn, and its data beside it."""
    data = figure.to_json().replace("<", "\\u003c")
    return f'<div class="figure"><div class="plot"></div></div><script type="application/json">{data}</script>'


@cache
def plotly_html() -> str:
    """The library, compressed, as text."""
    packed = base64.b64encode(gzip.compress(get_plotlyjs().encode(), 9, mtime=0)).decode()
    return f'<script id="plotly" type="application/gzip">{packed}</script>'

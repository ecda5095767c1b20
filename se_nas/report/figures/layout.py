"""The layout of all figures. They are readable on light and dark pages, in W&B and on paper."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import plotly.graph_objects as go

FRONT_COLOUR, OTHER_COLOUR, KNEE_COLOUR = "#e8590c", "#868e96", "#1c7ed6"
INK, LINE, CLEAR, BAND = "#748089", "rgba(134,142,150,0.28)", "rgba(0,0,0,0)", "rgba(232,89,12,0.16)"


def lay_out(
    figure: go.Figure,
    *,
    title: str,
    x: dict[str, Any],
    y: dict[str, Any],
    height: int | None = None,
    left: int = 70,
    least_width: int = 0,
) -> go.Figure:
    """Give a figure its title, axes, legend and colours. `height`, the `left` margin and `least_width`, the smallest
    readable width, are in pixels."""
    axis = {"gridcolor": LINE, "linecolor": LINE, "zerolinecolor": LINE, "zeroline": False}
    figure.update_layout(
        title=title,
        meta={"leastWidth": least_width},
        xaxis={**figure.layout.xaxis.to_plotly_json(), **axis, **x},  # keeps the place of a panel
        yaxis={**figure.layout.yaxis.to_plotly_json(), **axis, **y},
        height=height,
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 1.0, "xanchor": "right"},
        margin={"l": left, "r": 20, "t": 70, "b": 60},
        font={"color": INK},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        template="plotly_white",
        hoverlabel={"align": "left"},
        modebar={"bgcolor": CLEAR, "color": LINE, "activecolor": INK},
        overwrite=True,  # the same figure in two thirds of the time
    )
    return figure


def add_band(figure: go.Figure, x: Sequence[float], low: Sequence[float], high: Sequence[float], *, name: str) -> None:
    """Shade the area between `low` and `high`."""
    edge: dict[str, Any] = {"x": x, "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    figure.add_trace(go.Scatter(y=high, showlegend=False, **edge))
    figure.add_trace(go.Scatter(y=low, name=name, fill="tonexty", fillcolor=BAND, **edge))


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A row of `intervals_figure`: a difference in accuracy as a fraction, with its interval."""

    label: str
    mean: float
    low: float
    high: float
    is_sure: bool
    note: str


def intervals_figure(rows: Sequence[Interval], *, title: str, x_title: str) -> go.Figure:
    """Differences in points with their intervals, the first on top. Intervals without zero are coloured."""
    shown = rows[::-1]
    figure = go.Figure(
        go.Scatter(
            x=[100 * row.mean for row in shown],
            y=[escape(row.label) for row in shown],
            error_x={
                "symmetric": False,
                "array": [100 * (row.high - row.mean) for row in shown],
                "arrayminus": [100 * (row.mean - row.low) for row in shown],
                "thickness": 1.5,
                "color": OTHER_COLOUR,
            },
            mode="markers",
            marker={"size": 9, "color": [FRONT_COLOUR if row.is_sure else OTHER_COLOUR for row in shown]},
            text=[row.note for row in shown],
            hovertemplate="%{y}: %{x:+.2f} points, %{text}<extra></extra>",
        )
    )
    figure.add_vline(x=0, line={"color": OTHER_COLOUR, "width": 1})
    return lay_out(figure, title=title, x={"title": x_title}, y={}, height=160 + 28 * len(shown), left=230)

"""How all figures look: readable on light and on dark pages, in W&B and on paper."""

from typing import Any

import plotly.graph_objects as go

FRONT_COLOUR, OTHER_COLOUR, KNEE_COLOUR = "#e8590c", "#868e96", "#1c7ed6"
INK, LINE, CLEAR = "#748089", "rgba(134,142,150,0.28)", "rgba(0,0,0,0)"
AXIS_TITLES = {
    "flops": "FLOPs (multiply-adds of one image)",
    "params": "parameters",
    "activations": "activations of one image",
    "latency": "latency of one image (ms)",
}


def lay_out(
    figure: go.Figure,
    *,
    title: str,
    x: dict[str, Any],
    y: dict[str, Any],
    height: int | None = None,
    left: int = 70,
) -> go.Figure:
    """Give a figure its title, axes, legend and colours; `height` and `left` margin are in pixels."""
    axis = {"gridcolor": LINE, "linecolor": LINE, "zerolinecolor": LINE, "zeroline": False}
    figure.update_layout(
        title=title,
        xaxis={**axis, **x},
        yaxis={**axis, **y},
        height=height,
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 1.0, "xanchor": "right"},
        margin={"l": left, "r": 20, "t": 70, "b": 60},
        font={"color": INK},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        template="plotly_white",
        hoverlabel={"align": "left"},
        modebar={"bgcolor": CLEAR, "color": LINE, "activecolor": INK},
    )
    return figure

"""The figure on latency: the prediction of the table against the measured time."""

import plotly.graph_objects as go

from se_nas.analysis.latency_check import LatencyCheck
from se_nas.costs import format_cost
from se_nas.report.figures.layout import FRONT_COLOUR, OTHER_COLOUR, lay_out


def latency_figure(check: LatencyCheck) -> go.Figure:
    """Measured against predicted latency of each network, with the upper quartile, and the line of equality."""
    networks = check.networks
    values = [value for network in networks for value in (network.predicted, network.measured)]
    ends = [min(values) / 1.05, max(values) * 1.05]
    figure = go.Figure()
    figure.add_trace(
        go.Scatter(
            name="equal", mode="lines", line={"color": OTHER_COLOUR, "width": 1}, x=ends, y=ends, hoverinfo="skip"
        )
    )
    figure.add_trace(
        go.Scatter(
            name="networks of the front, up to the upper quartile of the passes",
            mode="markers",
            marker={"size": 9, "color": FRONT_COLOUR},
            error_y={
                "array": [network.high - network.measured for network in networks],
                "arrayminus": [0.0] * len(networks),
                "color": FRONT_COLOUR,
                "thickness": 1,
            },
            x=[network.predicted for network in networks],
            y=[network.measured for network in networks],
            text=[
                f"<b>trial {network.trial}</b><br>predicted {format_cost('latency', network.predicted)}"
                f"<br>measured {format_cost('latency', network.measured)}"
                for network in networks
            ],
            customdata=[network.trial for network in networks],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    return lay_out(
        figure,
        title="Latency of one image, predicted by the table and measured",
        x={"title": "predicted (ms)"},
        y={"title": "measured (ms)"},
    )

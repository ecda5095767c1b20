"""Figures that say how sure a search is: its front on fresh seeds, and what SE is worth where."""

import math
from html import escape

import numpy as np
import plotly.graph_objects as go

from se_nas.report.layout import AXIS_TITLES, FRONT_COLOUR, OTHER_COLOUR, lay_out
from se_nas.search.confirmation import Confirmed, ConfirmedFront
from se_nas.search.paired import Ablation
from se_nas.wording import se_glyphs


def confirmed_figure(confirmation: ConfirmedFront) -> go.Figure:
    """Mean accuracy on fresh seeds against the first cost, with 95 % intervals and the band of the front; what the
    search had seen, beside it."""
    cost = confirmation.costs[0]
    networks, members = confirmation.networks, confirmation.members
    own = np.array([one.record.cost[cost] for one in networks], dtype=float)
    grid = np.geomspace(own.min(), 1.15 * own.max(), 200)
    low, high = confirmation.belief.band(grid)
    figure = go.Figure()
    edge: dict[str, object] = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    if confirmation.belief.freedom:
        figure.add_trace(go.Scatter(x=grid, y=high, showlegend=False, **edge))
        figure.add_trace(
            go.Scatter(x=grid, y=low, name="front, 95 %", fill="tonexty", fillcolor="rgba(217,72,15,0.15)", **edge)
        )
    figure.add_trace(
        go.Scatter(
            name="as the search saw it",
            mode="markers",
            marker={"symbol": "x-thin-open", "size": 9, "color": OTHER_COLOUR},
            x=own,
            y=[one.record.accuracy for one in networks],
            hoverinfo="skip",
        )
    )
    for name, chosen, colour in (
        ("mean, on the front", members, FRONT_COLOUR),
        ("mean, not on it", [one for one in networks if one not in members], OTHER_COLOUR),
    ):
        figure.add_trace(
            go.Scatter(
                name=name,
                mode="markers",
                marker={"size": 9, "color": colour},
                error_y={
                    "array": [one.verdict.half_width for one in chosen],
                    "visible": bool(confirmation.belief.freedom),
                    "color": colour,
                    "thickness": 1.5,
                },
                x=[one.record.cost[cost] for one in chosen],
                y=[one.verdict.mean for one in chosen],
                text=[_confirmed_hover(one) for one in chosen],
                customdata=[one.record.number for one in chosen],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    return lay_out(
        figure,
        title=f"The front on fresh seeds, {confirmation.epochs} epochs each",
        x={"title": AXIS_TITLES[cost], "type": "log"},
        y={"title": "validation accuracy"},
    )


def ablation_figure(ablation: Ablation) -> go.Figure:
    """The gain of SE in each place with its 95 % interval; sure ones in colour."""
    effects = ablation.effects[::-1]
    colours = [FRONT_COLOUR if effect.gain.is_sure else OTHER_COLOUR for effect in effects]
    figure = go.Figure(
        go.Scatter(
            x=[100 * effect.gain.mean for effect in effects],
            y=[f"SE {effect.label}" for effect in effects],
            error_x={
                "array": [100 * effect.gain.half_width for effect in effects],
                "thickness": 1.5,
                "color": OTHER_COLOUR,
            },
            mode="markers",
            marker={"size": 10, "color": colours},
            text=[f"{effect.added['params']:+,.0f} parameters" for effect in effects],
            hovertemplate="%{y}: %{x:+.2f} points, %{text}<extra></extra>",
        )
    )
    figure.add_vline(x=0, line={"color": OTHER_COLOUR, "width": 1})
    return lay_out(
        figure,
        title=f"What SE is worth in trial {ablation.trial}, {ablation.epochs} epochs, 95 % intervals",
        x={"title": "gain in validation accuracy (points)"},
        y={},
        height=160 + 40 * len(effects),
        left=230,
    )


def _confirmed_hover(one: Confirmed) -> str:
    seeds = ", ".join(f"{accuracy:.4f}" for accuracy in one.accuracies.values())
    width = f" ± {one.verdict.half_width:.4f}" if math.isfinite(one.verdict.half_width) else ""
    return (
        f"<b>trial {one.record.number}</b>, mean {one.verdict.mean:.4f}{width}"
        f"<br>each: {seeds}<br>on the front with probability {one.verdict.on_front:.2f}"
        f"<br>SE by stage: {escape(se_glyphs(one.record.se))}"
    )

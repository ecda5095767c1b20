"""Figures on the certainty of a search: its front on fresh seeds, and the gain of SE in each place."""

from html import escape

import numpy as np
import plotly.graph_objects as go

from se_nas.analysis.ablation import Ablation
from se_nas.analysis.confirmation import Confirmed, ConfirmedFront
from se_nas.costs import COSTS
from se_nas.report.figures.layout import (
    FRONT_COLOUR,
    OTHER_COLOUR,
    Interval,
    add_band,
    intervals_figure,
    lay_out,
)
from se_nas.wording import counted, se_glyphs


def confirmed_figure(confirmation: ConfirmedFront) -> go.Figure:
    """Expected accuracy against the first cost, with 95 % intervals and the band of the front. The accuracies in the
    search are shown too."""
    cost = confirmation.costs[0]
    networks, members = confirmation.networks, confirmation.members
    own = np.array([one.record.cost[cost] for one in networks], dtype=float)
    grid = np.union1d(np.geomspace(own.min(), 1.15 * own.max(), 200), own)
    low, high = confirmation.belief.band(grid)
    figure = go.Figure()
    if confirmation.belief.freedom:
        add_band(figure, grid.tolist(), low.tolist(), high.tolist(), name="front, 95 %")
    figure.add_trace(
        go.Scatter(
            name=f"in the search, {counted(len(networks[0].record.curve), 'epoch')}",
            mode="markers",
            marker={"symbol": "x-thin-open", "size": 9, "color": OTHER_COLOUR},
            x=own,
            y=[one.record.accuracy for one in networks],
            hoverinfo="skip",
        )
    )
    for name, chosen, colour in (
        ("expected, on the front", members, FRONT_COLOUR),
        ("expected, not on it", [one for one in networks if one not in members], OTHER_COLOUR),
    ):
        figure.add_trace(
            go.Scatter(
                name=name,
                mode="markers",
                marker={"size": 9, "color": colour},
                error_y={
                    "array": [one.verdict.high - one.verdict.expected for one in chosen],
                    "arrayminus": [one.verdict.expected - one.verdict.low for one in chosen],
                    "visible": bool(confirmation.belief.freedom),
                    "color": colour,
                    "thickness": 1.5,
                },
                x=[one.record.cost[cost] for one in chosen],
                y=[one.verdict.expected for one in chosen],
                text=[_confirmed_hover(one) for one in chosen],
                customdata=[one.record.number for one in chosen],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    return lay_out(
        figure,
        title=f"The front on fresh seeds, {counted(confirmation.epochs, 'epoch')} each",
        x={"title": COSTS[cost].axis, "type": "log"},
        y={"title": f"validation {confirmation.metric.label}"},
    )


def ablation_figure(ablation: Ablation) -> go.Figure:
    """The gain of SE in each place with its interval; significant gains are coloured."""
    rows = [
        Interval(
            label=f"SE {effect.label}",
            mean=effect.gain.mean,
            low=effect.gain.mean - effect.gain.half_width,
            high=effect.gain.mean + effect.gain.half_width,
            is_sure=effect.gain.is_sure,
            note=f"{effect.added['params'].amount:+z,.0f} parameters",
        )
        for effect in ablation.effects
    ]
    title = f"What SE is worth in trial {ablation.trial}, {counted(ablation.epochs, 'epoch')}, 95 % intervals"
    return intervals_figure(rows, title=title, x_title="gain (points)")


def placements_figure(ablation: Ablation) -> go.Figure:
    """The predicted accuracy of each placement against its parameters, with its interval. The best is coloured."""
    experiment = ablation.experiment
    placements = [] if experiment is None else experiment.placements
    best = max((placement.best for placement in placements), default=0)
    figure = go.Figure(
        go.Scatter(
            mode="markers",
            marker={
                "size": 9,
                "color": [FRONT_COLOUR if placement.best == best else OTHER_COLOUR for placement in placements],
            },
            error_y={
                "array": [100 * placement.half_width for placement in placements],
                "color": OTHER_COLOUR,
                "thickness": 1,
            },
            x=[placement.added["params"].amount if "params" in placement.added else 0 for placement in placements],
            y=[100 * placement.accuracy for placement in placements],
            text=[
                f"<b>{escape(placement.name)}</b><br>SE by stage: {escape(se_glyphs(placement.se))}"
                f"<br>{100 * placement.accuracy:.2f} ± {100 * placement.half_width:.2f} %"
                f"<br>the best with probability {placement.best:.2f}"
                for placement in placements
            ],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    return lay_out(
        figure,
        title=f"Every placement of SE in trial {ablation.trial}, predicted from all trainings",
        x={"title": "parameters that SE adds"},
        y={"title": f"validation {ablation.metric.label} (%)"},
    )


def _confirmed_hover(one: Confirmed) -> str:
    seeds = ", ".join(f"{accuracy:.4f}" for accuracy in one.accuracies.values())
    mean, expected, interval = one.verdict.texts
    return (
        f"<b>trial {one.record.number}</b>, expected {expected}{interval and f' ({interval})'}"
        f"<br>mean of the seeds {mean}: {seeds}<br>on the front with probability {one.verdict.on_front:.2f}"
        f"<br>SE by stage: {escape(se_glyphs(one.record.se))}"
    )

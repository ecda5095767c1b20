"""Figures of a whole search: effects of decisions, rank correlations, learning curves, and the growth of the front."""

from collections.abc import Sequence
from html import escape

import plotly.graph_objects as go

from se_nas.analysis.effects import Marginal
from se_nas.analysis.rank_correlation import EpochPrediction
from se_nas.analysis.search_effects import StageGain
from se_nas.report.figures.layout import (
    FRONT_COLOUR,
    KNEE_COLOUR,
    OTHER_COLOUR,
    Interval,
    add_band,
    intervals_figure,
    lay_out,
)
from se_nas.report.sample import share_shown, shown_trials
from se_nas.searching.pareto import ParetoFront
from se_nas.searching.progress import SearchProgress
from se_nas.searching.records import TrialRecord, TrialStatus


def effects_figure(marginals: Sequence[Marginal], *, title: str) -> go.Figure:
    """The mean difference of networks with each value from the average network of their cost, with 95 % intervals."""
    rows = [
        Interval(
            label=f"{one.factor}: {one.value}",
            mean=one.mean,
            low=one.low,
            high=one.high,
            is_sure=one.is_sure,
            note=f"{one.count} networks",
        )
        for one in marginals
    ]
    return intervals_figure(rows, title=title, x_title="above the average (points)")


def stage_gains_figure(gains: Sequence[StageGain]) -> go.Figure:
    """The gain of SE in each stage at equal cost and trunk, from one model of all trials, with 95 % intervals."""
    rows = [
        Interval(
            label=f"SE in stage {one.stage}",
            mean=one.mean,
            low=one.mean - one.half_width,
            high=one.mean + one.half_width,
            is_sure=one.is_sure,
            note=f"{one.with_se} networks with it, {one.without} without",
        )
        for one in gains
    ]
    return intervals_figure(rows, title="SE at equal cost and trunk, over all trials", x_title="gain (points)")


def early_epochs_figure(correlations: Sequence[EpochPrediction]) -> go.Figure:
    """Rank correlation of the accuracy after each epoch with the final one, with its 95 % band."""
    epochs = [one.epoch for one in correlations]
    figure = go.Figure()
    add_band(figure, epochs, [one.low for one in correlations], [one.high for one in correlations], name="95 %")
    figure.add_trace(
        go.Scatter(
            x=epochs,
            y=[one.correlation for one in correlations],
            name="rank correlation",
            mode="lines+markers",
            line={"color": FRONT_COLOUR},
            hovertemplate="epoch %{x}: %{y:.2f}<extra></extra>",
        )
    )
    return lay_out(
        figure,
        title="Does an early epoch predict the last?",
        x=_epoch_axis(len(epochs)),
        y={"title": "rank correlation with the last epoch", "range": [-0.2, 1.02]},
        height=360,
    )


def learning_curves_figure(progress: SearchProgress) -> go.Figure:
    """Accuracy by epoch: the networks of the front, the other shown networks, and the points where trials were stopped.

    One empty trace is for the curve of the trial that is chosen on the page."""
    front = {member.number for member in progress.front.members}
    shown = shown_trials(progress)
    of_how_many = share_shown(len(shown), len(progress.records))
    curves = [record for record in shown if record.curve]
    figure = go.Figure()
    for name, chosen, colour, width in (
        ("others", [record for record in curves if record.number not in front], OTHER_COLOUR, 1.0),
        (
            "on the front",
            [record for record in curves if record.number in front],
            FRONT_COLOUR,
            2.0 if len(front) <= 20 else 1.0,
        ),
    ):
        figure.add_trace(go.Scatter(name=name, mode="lines", line={"color": colour, "width": width}, **_joined(chosen)))
        figure.data[-1].opacity = 0.45 if name == "others" else 1.0
    stopped = [record for record in curves if record.status is TrialStatus.PRUNED]
    figure.add_trace(
        go.Scatter(
            name="stopped",
            mode="markers",
            marker={"symbol": "x-thin-open", "size": 7, "color": OTHER_COLOUR},
            x=[len(record.curve) for record in stopped],
            y=[_rounded(record.curve[-1]) for record in stopped],
            text=[escape(f"trial {record.number}: {record.reason}") for record in stopped],
            customdata=[record.number for record in stopped],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    figure.add_trace(
        go.Scatter(
            meta="chosen",
            mode="lines+markers",
            line={"color": KNEE_COLOUR, "width": 3},
            x=[],
            y=[],
            hoverinfo="skip",
            showlegend=False,
        )
    )
    return lay_out(
        figure,
        title=f"Learning curves{f' of {of_how_many}' if of_how_many else ''}",
        x=_epoch_axis(max((len(record.curve) for record in curves), default=1)),
        y={"title": f"validation {progress.objectives.metric.label}"},
        height=420,
    )


def hypervolume_figure(progress: SearchProgress) -> go.Figure:
    """The hypervolume of the front after each trial, as a fraction of the final hypervolume."""
    records = sorted(progress.records, key=lambda record: record.number)
    front = ParetoFront((), progress.objectives)
    shares: list[float] = []
    for record in records:
        if record.status is TrialStatus.COMPLETE or not shares:
            front = ParetoFront.of([*front.members, record], progress.objectives)
            shares.append(100 * front.hypervolume(progress.reference) / (progress.hypervolume or 1.0))
        else:
            shares.append(shares[-1])
    figure = go.Figure(
        go.Scatter(
            x=[record.number for record in records],
            y=shares,
            mode="lines",
            line={"shape": "hv", "color": FRONT_COLOUR},
            hovertemplate="after trial %{x}: %{y:.2f} %<extra></extra>",
        )
    )
    return lay_out(
        figure,
        title="How the front grew",
        x={"title": "trial"},
        y={"title": "hypervolume (% of the final)"},
        height=320,
    )


def _epoch_axis(epochs: int) -> dict[str, object]:
    """An axis of whole epochs."""
    return {"title": "epoch", "dtick": 1 if epochs < 30 else None}


def _joined(records: Sequence[TrialRecord]) -> dict[str, object]:
    """All curves in one line with gaps, which is fast to draw."""
    x: list[int | None] = []
    y: list[float | None] = []
    trials: list[int] = []
    for record in records:
        x += [*range(1, len(record.curve) + 1), None]
        y += [*map(_rounded, record.curve), None]
        trials += [record.number] * (len(record.curve) + 1)
    hover = "trial %{customdata}, epoch %{x}: %{y:.4f}<extra></extra>"
    return {"x": x, "y": y, "customdata": trials, "hovertemplate": hover}


def _rounded(accuracy: float) -> float:
    """The accuracy, rounded to one more digit than is shown."""
    return round(accuracy, 5)

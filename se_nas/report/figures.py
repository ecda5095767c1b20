"""The figures of a search, in plotly: the Pareto front, and where its networks put SE."""

from collections.abc import Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go

from se_nas.search.confirmation import Confirmed, ConfirmedFront
from se_nas.search.paired import Ablation
from se_nas.search.progress import SearchProgress
from se_nas.search.records import TrialRecord, TrialStatus
from se_nas.space.squeeze_excite import parse_token
from se_nas.wording import format_cost, se_glyphs

FRONT_COLOUR, OTHER_COLOUR, KNEE_COLOUR = "#d9480f", "#868e96", "#1864ab"
AXIS_TITLES = {
    "flops": "FLOPs (multiply-adds of one image)",
    "params": "parameters",
    "activations": "activations of one image",
    "latency": "latency of one image (ms)",
}


def front_figure(progress: SearchProgress, *, title: str) -> go.Figure:
    """Validation accuracy against the first cost: every fully trained network, the front as a staircase, its knee."""
    cost = progress.objectives.costs[0]
    front = progress.front.members
    on_front = {member.number for member in front}
    others = [r for r in progress.records if r.status is TrialStatus.COMPLETE and r.number not in on_front]
    figure = go.Figure()
    figure.add_trace(
        go.Scatter(
            name="fully trained",
            mode="markers",
            marker={"color": OTHER_COLOUR, "size": 6, "opacity": 0.55},
            **_points(others, cost, progress),
        )
    )
    shape = "hv" if len(progress.objectives.costs) == 1 else None
    figure.add_trace(
        go.Scatter(
            name="Pareto front",
            mode="lines+markers" if shape else "markers",
            line={"shape": shape, "color": FRONT_COLOUR, "width": 2},
            marker={"color": FRONT_COLOUR, "size": 9},
            **_points(front, cost, progress),
        )
    )
    if front:
        figure.add_trace(
            go.Scatter(
                name="knee",
                mode="markers",
                marker={
                    "color": "rgba(0,0,0,0)",
                    "size": 18,
                    "symbol": "circle",
                    "line": {"color": KNEE_COLOUR, "width": 3},
                },
                **_points([progress.front.knee], cost, progress),
            )
        )
    figure.update_layout(
        title=escape(title),
        xaxis={"title": AXIS_TITLES[cost], "type": "log"},
        yaxis={"title": "validation accuracy"},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 1.0, "xanchor": "right"},
        margin={"l": 70, "r": 20, "t": 70, "b": 60},
        template="plotly_white",
        hoverlabel={"align": "left"},
    )
    return figure


def confirmed_figure(confirmation: ConfirmedFront) -> go.Figure:
    """Mean accuracy on fresh seeds against the first cost, with 95 % intervals and the band of the front; what the
    search had seen, beside it."""
    cost = confirmation.costs[0]
    networks, members = confirmation.networks, confirmation.members
    own = np.array([one.record.cost[cost] for one in networks], dtype=float)
    grid = np.geomspace(own.min(), 1.15 * own.max(), 200)
    low, _, high = confirmation.belief.band(grid)
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
                hovertemplate="%{text}<extra></extra>",
            )
        )
    figure.update_layout(
        title=f"The front on fresh seeds, {confirmation.epochs} epochs each",
        xaxis={"title": AXIS_TITLES[cost], "type": "log"},
        yaxis={"title": "validation accuracy"},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 1.0, "xanchor": "right"},
        margin={"l": 70, "r": 20, "t": 70, "b": 60},
        template="plotly_white",
        hoverlabel={"align": "left"},
    )
    return figure


def ablation_figure(ablation: Ablation) -> go.Figure:
    """The gain of SE in each place with its 95 % interval; sure ones in colour."""
    effects = ablation.effects[::-1]
    colours = [FRONT_COLOUR if effect.gain.is_sure else OTHER_COLOUR for effect in effects]
    figure = go.Figure(
        go.Scatter(
            x=[100 * effect.gain.mean for effect in effects],
            y=[f"SE {effect.label}" for effect in effects],
            error_x={"array": [100 * effect.gain.half_width for effect in effects], "thickness": 1.5},
            mode="markers",
            marker={"size": 10, "color": colours},
            text=[f"{effect.added['params']:+,.0f} parameters" for effect in effects],
            hovertemplate="%{y}: %{x:+.2f} points, %{text}<extra></extra>",
        )
    )
    figure.add_vline(x=0, line={"color": OTHER_COLOUR, "width": 1})
    figure.update_layout(
        title=f"What SE is worth in trial {ablation.trial}, {ablation.epochs} epochs, 95 % intervals",
        xaxis={"title": "gain in validation accuracy (points)", "zeroline": False},
        height=160 + 40 * len(effects),
        margin={"l": 230, "r": 20, "t": 60, "b": 60},
        template="plotly_white",
    )
    return figure


def placement_figure(progress: SearchProgress) -> go.Figure:
    """Where the front's networks put SE: a column a network, a row a stage; the disc grows with the hidden width."""
    members = progress.front.members
    figure = go.Figure()
    x, y, sizes, colours, texts = [], [], [], [], []
    for member in members:
        for stage, token in enumerate(member.se, start=1):
            x.append(_column(member))
            y.append(f"stage {stage}")
            ratio = _ratio(token)
            sizes.append(6 if ratio is None else 14 + 30 / ratio**0.5)
            colours.append(OTHER_COLOUR if ratio is None else FRONT_COLOUR)
            texts.append(f"trial {member.number}, stage {stage}: {escape(token)}")
    figure.add_trace(
        go.Scatter(
            x=x,
            y=y,
            mode="markers",
            marker={"size": sizes, "color": colours, "opacity": 0.85},
            text=texts,
            hovertemplate="%{text}<extra></extra>",
            showlegend=False,
        )
    )
    stages = max((len(member.se) for member in members), default=1)
    figure.update_layout(
        title="SE on the front, cheapest network first (dot: none; disc: SE, larger for a wider hidden layer)",
        xaxis={"title": "network (trial)", "type": "category"},
        yaxis={"categoryorder": "array", "categoryarray": [f"stage {n}" for n in range(stages, 0, -1)]},
        height=180 + 60 * stages,
        margin={"l": 70, "r": 20, "t": 60, "b": 60},
        template="plotly_white",
    )
    return figure


def _points(records: Sequence[TrialRecord], cost: str, progress: SearchProgress) -> dict[str, object]:
    return {
        "x": [record.cost[cost] for record in records],
        "y": [record.accuracy for record in records],
        "text": [_hover(record, progress) for record in records],
        "hovertemplate": "%{text}<extra></extra>",
    }


def _hover(record: TrialRecord, progress: SearchProgress) -> str:
    costs = "".join(f"<br>{name} {format_cost(name, value)}" for name, value in record.cost.items())
    decisions = "".join(f"<br>{escape(name)} = {escape(_short(value))}" for name, value in record.assignment.items())
    se = escape(se_glyphs(record.se))
    return f"<b>trial {record.number}</b>, accuracy {record.accuracy:.4f}{costs}<br>SE by stage: {se}{decisions}"


def _confirmed_hover(one: Confirmed) -> str:
    seeds = ", ".join(f"{accuracy:.4f}" for accuracy in one.accuracies.values())
    return (
        f"<b>trial {one.record.number}</b>, mean {one.verdict.mean:.4f} ± {one.verdict.half_width:.4f}"
        f"<br>each: {seeds}<br>on the front with probability {one.verdict.on_front:.2f}"
        f"<br>SE by stage: {escape(se_glyphs(one.record.se))}"
    )


def _column(member: TrialRecord) -> str:
    return f"#{member.number}"


def _ratio(token: str) -> float | None:
    ratios = [spec.reduction for part in token.split(",") if (spec := parse_token(part)) is not None]
    return min(ratios) if ratios else None


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)

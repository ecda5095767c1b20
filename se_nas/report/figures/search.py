"""The figures of a search, in plotly: the Pareto front, and where its networks put SE."""

from collections.abc import Mapping, Sequence
from html import escape

import plotly.graph_objects as go

from se_nas.costs import COSTS, format_cost
from se_nas.objective_metric import ObjectiveMetric
from se_nas.report.figures.layout import CLEAR, FRONT_COLOUR, KNEE_COLOUR, OTHER_COLOUR, lay_out
from se_nas.searching.progress import SearchProgress
from se_nas.searching.records import TrialRecord, TrialStatus
from se_nas.wording import format_value, se_glyphs

MOST_IN_FULL = 1_000
"""The most networks beside the front whose points show all of their decisions."""


def front_figure(progress: SearchProgress, *, title: str) -> go.Figure:
    """Validation accuracy against the first cost: fully trained networks, the front as a staircase, and its knee."""
    cost = progress.objectives.costs[0]
    further = " and ".join(progress.objectives.costs[1:])
    front = progress.front.members
    on_front = {member.number for member in front}
    others = [r for r in progress.records if r.status is TrialStatus.COMPLETE and r.number not in on_front]
    in_full = len(others) <= MOST_IN_FULL
    figure = go.Figure()
    figure.add_trace(
        go.Scatter(
            name="fully trained",
            mode="markers",
            marker={"color": OTHER_COLOUR, "size": 6, "opacity": 0.55},
            selected={"marker": {"color": KNEE_COLOUR, "size": 12, "opacity": 1.0}},
            **(_points(others, cost, progress) if in_full else _bare_points(others, cost, progress.objectives.metric)),
        )
    )
    shape = "hv" if len(progress.objectives.costs) == 1 else None
    figure.add_trace(
        go.Scatter(
            name="Pareto front",
            mode="lines+markers" if shape else "markers",
            line={"shape": shape, "color": FRONT_COLOUR, "width": 2},
            marker={"color": FRONT_COLOUR, "size": 9},
            **_points(front, cost, progress) | _expected(front, progress),
        )
    )
    if front:
        knee = progress.front.knee
        figure.add_trace(
            go.Scatter(
                name="knee",
                mode="markers",
                marker={
                    "color": CLEAR,
                    "size": 18,
                    "symbol": "circle",
                    "line": {"color": KNEE_COLOUR, "width": 3},
                },
                **_points([knee], cost, progress) | {"y": [progress.front.accuracy(knee)]},
            )
        )
    return lay_out(
        figure,
        title=escape(f"{title}{f', in {further} too' if further else ''}"),
        x={"title": COSTS[cost].axis, "type": "log"},
        y={"title": f"validation {progress.objectives.metric.label}"},
    )


def placement_figure(members: Sequence[TrialRecord], hidden_widths: Mapping[int, Sequence[int]]) -> go.Figure:
    """The SE of the front: a column for each network, a row for each stage. A disc's area is the hidden width."""
    widest = max((max(hidden_widths[member.number]) for member in members), default=0) or 1
    figure = go.Figure()
    x, y, sizes, colours, texts, trials = [], [], [], [], [], []
    for member in members:
        for stage, (token, width) in enumerate(zip(member.se, hidden_widths[member.number], strict=True), start=1):
            trials.append(member.number)
            x.append(f"#{member.number}")
            y.append(f"stage {stage}")
            sizes.append(8 + 34 * (width / widest) ** 0.5 if width else 6)
            colours.append(FRONT_COLOUR if width else OTHER_COLOUR)
            hidden = f", hidden width {width}" if width else ""
            texts.append(f"trial {member.number}, stage {stage}: {escape(token)}{hidden}")
    figure.add_trace(
        go.Scatter(
            x=x,
            y=y,
            mode="markers",
            marker={"size": sizes, "color": colours, "opacity": 0.85},
            text=texts,
            customdata=trials,
            hovertemplate="%{text}<extra></extra>",
            showlegend=False,
        )
    )
    stages = max((len(member.se) for member in members), default=1)
    return lay_out(
        figure,
        title="SE on the front; the area is the hidden width",
        x={"title": "network (trial), cheapest first", "type": "category"},
        y={"categoryorder": "array", "categoryarray": [f"stage {n}" for n in range(stages, 0, -1)]},
        height=180 + 60 * stages,
        least_width=120 + 17 * len(members),
    )


def _points(records: Sequence[TrialRecord], cost: str, progress: SearchProgress) -> dict[str, object]:
    return {
        "x": [record.cost[cost] for record in records],
        "y": [record.accuracy for record in records],
        "text": [_hover(record, progress) for record in records],
        "customdata": [record.number for record in records],
        "hovertemplate": "%{text}<extra></extra>",
    }


def _expected(members: Sequence[TrialRecord], progress: SearchProgress) -> dict[str, object]:
    """The accuracies with which the members count, and their 90 % intervals where these are known."""
    front = progress.front
    y = [front.accuracy(member) for member in members]
    if not front.expected:
        return {"y": y}
    half = [(high - low) / 2 for low, high in (front.expected[member.number].interval for member in members)]
    return {"y": y, "error_y": {"array": half, "color": FRONT_COLOUR, "thickness": 1}}


def _bare_points(records: Sequence[TrialRecord], cost: str, metric: ObjectiveMetric) -> dict[str, object]:
    """The data of points without a text of their own: one hover template for all."""
    hover = f"<b>trial %{{customdata}}</b>, {metric.label} %{{y:.4f}}<br>{cost} %{{x}}<br>its decisions: trials.csv"
    return {
        "x": [record.cost[cost] for record in records],
        "y": [round(record.curve[-1], 5) for record in records],
        "customdata": [record.number for record in records],
        "hovertemplate": f"{hover}<extra></extra>",
    }


def _hover(record: TrialRecord, progress: SearchProgress) -> str:
    costs = "".join(f"<br>{name} {format_cost(name, value)}" for name, value in record.cost.items())
    decisions = "".join(
        f"<br>{escape(name)} = {escape(format_value(value))}" for name, value in record.assignment.items()
    )
    se = escape(se_glyphs(record.se))
    score = f"{progress.objectives.metric.label} {record.accuracy:.4f}"
    return f"<b>trial {record.number}</b>, {score}{costs}<br>SE by stage: {se}{decisions}"

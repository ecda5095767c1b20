"""The figures of a search, in plotly: the Pareto front, and where its networks put SE."""

from collections.abc import Sequence
from html import escape

import plotly.graph_objects as go

from se_nas.report.layout import AXIS_TITLES, CLEAR, FRONT_COLOUR, KNEE_COLOUR, OTHER_COLOUR, lay_out
from se_nas.search.progress import SearchProgress
from se_nas.search.records import TrialRecord, TrialStatus
from se_nas.space.squeeze_excite import parse_token
from se_nas.wording import format_cost, format_value, se_glyphs


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
                    "color": CLEAR,
                    "size": 18,
                    "symbol": "circle",
                    "line": {"color": KNEE_COLOUR, "width": 3},
                },
                **_points([progress.front.knee], cost, progress),
            )
        )
    return lay_out(
        figure,
        title=escape(title),
        x={"title": AXIS_TITLES[cost], "type": "log"},
        y={"title": "validation accuracy"},
    )


def placement_figure(progress: SearchProgress) -> go.Figure:
    """Where the front's networks put SE: a column a network, a row a stage; the disc grows with the hidden width."""
    members = progress.front.members
    figure = go.Figure()
    x, y, sizes, colours, texts, trials = [], [], [], [], [], []
    for member in members:
        for stage, token in enumerate(member.se, start=1):
            trials.append(member.number)
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
            customdata=trials,
            hovertemplate="%{text}<extra></extra>",
            showlegend=False,
        )
    )
    stages = max((len(member.se) for member in members), default=1)
    return lay_out(
        figure,
        title="SE on the front, cheapest network first (dot: none; disc: SE, larger for a wider hidden layer)",
        x={"title": "network (trial)", "type": "category"},
        y={"categoryorder": "array", "categoryarray": [f"stage {n}" for n in range(stages, 0, -1)]},
        height=180 + 60 * stages,
    )


def _points(records: Sequence[TrialRecord], cost: str, progress: SearchProgress) -> dict[str, object]:
    return {
        "x": [record.cost[cost] for record in records],
        "y": [record.accuracy for record in records],
        "text": [_hover(record, progress) for record in records],
        "customdata": [record.number for record in records],
        "hovertemplate": "%{text}<extra></extra>",
    }


def _hover(record: TrialRecord, progress: SearchProgress) -> str:
    costs = "".join(f"<br>{name} {format_cost(name, value)}" for name, value in record.cost.items())
    decisions = "".join(
        f"<br>{escape(name)} = {escape(format_value(value))}" for name, value in record.assignment.items()
    )
    se = escape(se_glyphs(record.se))
    return f"<b>trial {record.number}</b>, accuracy {record.accuracy:.4f}{costs}<br>SE by stage: {se}{decisions}"


def _column(member: TrialRecord) -> str:
    return f"#{member.number}"


def _ratio(token: str) -> float | None:
    ratios = [spec.reduction for part in token.split(",") if (spec := parse_token(part)) is not None]
    return min(ratios) if ratios else None

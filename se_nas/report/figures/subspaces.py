"""Figures of the whole searched space: sub-spaces, importances, and every network as a line."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from se_nas.analysis.edf import Split
from se_nas.analysis.equal_cost import Factor, comparable_observations, factors_of
from se_nas.analysis.importances import Importances
from se_nas.costs import format_cost
from se_nas.objective_metric import ACCURACY, ObjectiveMetric
from se_nas.report.figures.layout import CLEAR, FRONT_COLOUR, INK, KNEE_COLOUR, LINE, OTHER_COLOUR, lay_out
from se_nas.searching.progress import SearchProgress
from se_nas.space.attention.tokens import NONE
from se_nas.space.decisions import Decision
from se_nas.wording import format_value

COLUMNS = 2
MOST_TICKS = 8
MOST_POINTS = 500
"""The maximum number of points on a line of `splits_figure`."""


def splits_figure(splits: Sequence[Split], metric: ObjectiveMetric = ACCURACY) -> go.Figure:
    """A panel for each question: the distribution function of the error at equal cost, for each side's networks.

    The error is what the metric lacks to 1.
    """
    errors = "Errors" if metric is ACCURACY else f"Errors (1 - {metric.label})"
    rows = -(-len(splits) // COLUMNS)
    titles = [f"{escape(split.question)}{'' if split.is_sure else ' (not significant)'}" for split in splits]
    figure = make_subplots(
        rows=rows, cols=COLUMNS, subplot_titles=titles, shared_yaxes=True, vertical_spacing=0.32 / rows
    )
    for index, split in enumerate(splits):
        for side, colour in zip(split.subspaces, (FRONT_COLOUR, OTHER_COLOUR), strict=True):
            ranks = _ranks_drawn(len(side.errors))
            figure.add_trace(
                go.Scatter(
                    x=[round(100 * side.errors[rank - 1], 4) for rank in ranks],
                    y=[round(rank / len(side.errors), 5) for rank in ranks],
                    name=escape(side.label),
                    mode="lines",
                    line={"shape": "hv", "color": colour, "dash": "solid" if colour == FRONT_COLOUR else "dot"},
                    hovertemplate=f"{escape(side.label)} ({len(side.errors)})<br>error %{{x:.2f}} %: %{{y:.0%}} of them"
                    "<extra></extra>",
                    showlegend=False,
                ),
                row=index // COLUMNS + 1,
                col=index % COLUMNS + 1,
            )
        figure.add_annotation(
            text=f"<span style='color:{FRONT_COLOUR}'>━</span> {escape(split.subspaces[0].label)}, "
            f"┄ {escape(split.subspaces[1].label)}",
            showarrow=False,
            xref="x domain" if index == 0 else f"x{index + 1} domain",
            yref="y domain" if index == 0 else f"y{index + 1} domain",
            x=0.98,
            y=0.04,
            xanchor="right",
            font={"size": 11},
        )
    lay_out(
        figure,
        title=f"{errors} at equal cost: left is better{_by_how_many_points(splits)}",
        x={},
        y={},
        height=120 + 210 * rows,
        least_width=640,
    )
    axis = {"gridcolor": LINE, "linecolor": LINE, "zeroline": False}
    figure.update_xaxes(ticksuffix=" %", **axis)
    figure.update_yaxes(tickformat=".0%", range=[0, 1.02], **axis)
    return figure


def _ranks_drawn(networks: int) -> list[int]:
    """The ranks, from 1, of the errors on a line: all, or `MOST_POINTS` spread evenly with both ends."""
    return sorted(set(np.linspace(1, networks, min(networks, MOST_POINTS)).round().astype(int).tolist()))


def _by_how_many_points(splits: Sequence[Split]) -> str:
    """A text about lines that are drawn through a part of their errors; empty if there are none."""
    most = max((len(side.errors) for split in splits for side in split.subspaces), default=0)
    return f" (lines through {MOST_POINTS} of up to {most:,} errors)" if most > MOST_POINTS else ""


def importances_figure(importances: Importances, metric: ObjectiveMetric = ACCURACY) -> go.Figure:
    """The variance that is lost without each decision, the most important on top, with 95 % intervals."""
    shown = importances.of_each[:12][::-1]
    figure = go.Figure(
        go.Bar(
            orientation="h",
            x=[100 * one.mean for one in shown],
            y=[escape(one.factor) for one in shown],
            marker={"color": [FRONT_COLOUR if one.is_sure else OTHER_COLOUR for one in shown]},
            error_x={
                "symmetric": False,
                "array": [100 * (one.high - one.mean) for one in shown],
                "arrayminus": [100 * (one.mean - one.low) for one in shown],
                "color": INK,
                "thickness": 1.2,
            },
            hovertemplate="%{y}: %{x:.1f} % of the variance<extra></extra>",
        )
    )
    return lay_out(
        figure,
        title=f"Importance of decisions for {metric.label} at equal cost",
        x={"title": "variance no longer explained without it (%)"},
        y={},
        height=170 + 26 * len(shown),
        left=160,
    )


def coordinates_figure(progress: SearchProgress, decisions: Mapping[str, Decision]) -> go.Figure | None:
    """Every network as a line through its number, decisions, costs and accuracy; None if there are too few.

    Its meta has the usual colours, and the colours in which the page draws a chosen network."""
    costs = progress.objectives.costs
    observations = comparable_observations(progress.records, costs)
    if not observations:
        return None
    dimensions: list[dict[str, Any]] = [
        {"label": "trial", "values": [observation.record.number for observation in observations]}
    ]
    factors = factors_of(observations, decisions)
    dimensions += [_dimension(factor) for factor in factors if len(set(factor.values)) > 1]
    for name in costs:
        logs = np.log10([observation.record.cost[name] for observation in observations])
        ticks = np.linspace(logs.min(), logs.max(), 5)
        dimensions.append(
            {
                "label": name,
                "values": logs,
                "tickvals": ticks,
                "ticktext": [format_cost(name, 10**tick) for tick in ticks],
            }
        )
    percent = np.array([100 * observation.accuracy for observation in observations])
    dimensions.append({"label": f"{progress.objectives.metric.label} (%)", "values": percent})
    usual = [[0, OTHER_COLOUR], [1, FRONT_COLOUR]]
    low, high = np.quantile(percent, [0.1, 1])
    figure = go.Figure(
        go.Parcoords(
            dimensions=dimensions,
            line={"color": percent, "cmin": low, "cmax": high, "colorscale": usual},
            unselected={"line": {"color": OTHER_COLOUR, "opacity": 0.06}},
            meta={"usual": usual, "chosen": [[0, KNEE_COLOUR], [1, KNEE_COLOUR]]},
            labelfont={"size": 11},
            tickfont={"size": 10},
            rangefont={"color": CLEAR, "size": 8},
            labelangle=-20,
        )
    )
    least_width = 120 + 60 * len(dimensions)
    lay_out(figure, title="Every network as a line", x={}, y={}, height=440, least_width=least_width)
    figure.update_layout(margin={"l": 60, "r": 60, "t": 130, "b": 30})
    return figure


def _dimension(factor: Factor) -> dict[str, Any]:
    """An axis of the lines: numbers as they are, words at whole numbers."""
    label, values = escape(factor.label), factor.values
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        known = sorted(set(values), key=float)  # type: ignore[arg-type]
        ticks = (
            {"tickvals": known, "ticktext": [format_value(value) for value in known]}
            if len(known) <= MOST_TICKS
            else {}
        )
        return {"label": label, "values": list(values), **ticks}
    words = sorted({str(value) for value in values}, key=lambda word: (word != NONE, word))
    return {
        "label": label,
        "values": [words.index(str(value)) for value in values],
        "tickvals": list(range(len(words))),
        "ticktext": [escape(word.removeprefix("inner/")) for word in words],
    }

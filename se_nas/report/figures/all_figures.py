"""All figures of a search, for its page and for W&B."""

from collections.abc import Callable, Mapping, Sequence

import plotly.graph_objects as go

from se_nas.analysis.overview import Overview
from se_nas.report.figures.insights import (
    early_epochs_figure,
    effects_figure,
    hypervolume_figure,
    learning_curves_figure,
    stage_gains_figure,
)
from se_nas.report.figures.search import front_figure, placement_figure
from se_nas.report.figures.subspaces import coordinates_figure, importances_figure, splits_figure
from se_nas.searching.progress import SearchProgress
from se_nas.space.decisions import Decision

Draw = Callable[[], go.Figure | None]
"""A function that draws a figure, or returns None if there are too few trials."""


def figure_drawers(
    progress: SearchProgress,
    overview: Overview,
    *,
    title: str,
    decisions: Mapping[str, Decision],
    hidden_widths: Mapping[int, Sequence[int]],
) -> dict[str, Draw]:
    """The functions that draw the figures, by name, in page order; empty without a front. `decisions` are those of
    the space; `hidden_widths` are the widths of SE, by trial of the front and by stage."""
    if not progress.front.members:
        return {}
    important, metric = overview.importances, progress.objectives.metric
    return {
        "front": lambda: front_figure(progress, title=f"Pareto front of {title}"),
        "hypervolume by trial": lambda: hypervolume_figure(progress),
        "SE placement": lambda: placement_figure(progress.front.members, hidden_widths),
        "gains of SE": lambda: stage_gains_figure(overview.stage_gains) if overview.stage_gains else None,
        "effects of SE": lambda: (
            effects_figure(overview.effects_of_se, title="SE by stage") if overview.effects_of_se else None
        ),
        "other effects": lambda: (
            effects_figure(overview.other_effects, title="The other decisions") if overview.other_effects else None
        ),
        "sub-spaces": lambda: splits_figure(overview.splits, metric) if overview.splits else None,
        "importances": lambda: (
            importances_figure(important, metric) if important is not None and important.explained > 0 else None
        ),
        "networks": lambda: coordinates_figure(progress, decisions),
        "learning curves": lambda: learning_curves_figure(progress),
        "early epochs": lambda: early_epochs_figure(overview.early_epochs) if overview.early_epochs else None,
    }


def search_figures(
    progress: SearchProgress,
    overview: Overview,
    *,
    title: str,
    decisions: Mapping[str, Decision],
    hidden_widths: Mapping[int, Sequence[int]],
) -> dict[str, go.Figure]:
    """All figures of `figure_drawers` for which there are enough trials."""
    drawers = figure_drawers(progress, overview, title=title, decisions=decisions, hidden_widths=hidden_widths)
    figures = {name: draw() for name, draw in drawers.items()}
    return {name: figure for name, figure in figures.items() if figure is not None}

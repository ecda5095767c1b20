"""All figures of a search, as its page shows them and W&B keeps them."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from se_nas.report.figures import front_figure, placement_figure
from se_nas.report.insights import effects_figure, foretelling_figure, hypervolume_figure, learning_curves_figure
from se_nas.report.subspaces import coordinates_figure, importances_figure, splits_figure
from se_nas.search.overview import Overview
from se_nas.search.progress import SearchProgress


def search_figures(
    progress: SearchProgress, overview: Overview, *, title: str, hidden_widths: Mapping[int, Sequence[int]]
) -> dict[str, go.Figure]:
    """By name, in the order of the page; those that the trials are too few for are left out, and all without a front.
    `hidden_widths` are SE's, by trial of the front and stage."""
    if not progress.front.members:
        return {}
    important = overview.importances
    figures = {
        "front": front_figure(progress, title=f"Pareto front of {title}"),
        "hypervolume by trial": hypervolume_figure(progress),
        "SE placement": placement_figure(progress.front.members, hidden_widths),
        "effects of SE": effects_figure(overview.effects_of_se, title="SE by stage")
        if overview.effects_of_se
        else None,
        "other effects": (
            effects_figure(overview.other_effects, title="The other decisions") if overview.other_effects else None
        ),
        "sub-spaces": splits_figure(overview.splits) if overview.splits else None,
        "importances": importances_figure(important) if important is not None and important.explained > 0 else None,
        "networks": coordinates_figure(progress),
        "learning curves": learning_curves_figure(progress),
        "foretelling": foretelling_figure(overview.foretelling) if overview.foretelling else None,
    }
    return {name: figure for name, figure in figures.items() if figure is not None}

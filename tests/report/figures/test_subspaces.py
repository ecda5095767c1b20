from itertools import combinations

import numpy as np

from se_nas.analysis.edf import Split, Subspace
from se_nas.analysis.importances import Importance, Importances
from se_nas.report.figures.subspaces import coordinates_figure, importances_figure, splits_figure
from se_nas.searching.objectives import parse_objectives
from se_nas.searching.progress import progress_of
from tests.analysis.test_effects import DECISIONS, searched
from tests.tracking.test_console import a_progress

SPLITS = [
    Split(
        question=f"SE in stage {stage}",
        subspaces=(Subspace(label="with SE", errors=(0.1, 0.2)), Subspace(label="<b>", errors=(0.2, 0.3, 0.4, 0.5))),
        probability=probability,
    )
    for stage, probability in ((1, 0.5), (2, 0.001), (3, 1.0))
]


def test_each_question_has_a_panel_with_the_share_of_networks_below_each_error() -> None:
    figure = splits_figure(SPLITS)

    assert len(figure.data) == 6
    assert list(figure.data[1].x) == [20, 30, 40, 50]
    assert list(figure.data[1].y) == [0.25, 0.5, 0.75, 1]
    titles = [annotation.text for annotation in figure.layout.annotations]
    assert titles[:3] == ["SE in stage 1 (not significant)", "SE in stage 2", "SE in stage 3 (not significant)"]
    assert "<b>" not in "".join(titles)


def test_no_panel_lies_over_another() -> None:
    layout = splits_figure(SPLITS).layout.to_plotly_json()

    panels = [(layout[f"xaxis{name}"]["domain"], layout[f"yaxis{name}"]["domain"]) for name in ("", "2", "3")]
    for (one_x, one_y), (other_x, other_y) in combinations(panels, 2):
        is_beside = one_x[1] <= other_x[0] or other_x[1] <= one_x[0]
        assert is_beside or one_y[1] <= other_y[0] or other_y[1] <= one_y[0]


def test_the_most_important_decision_is_on_top() -> None:
    each = tuple(Importance(factor=name, mean=mean, low=0.0, high=0.5) for name, mean in (("a", 0.4), ("b", 0.1)))

    (bars,) = importances_figure(Importances(0.5, each)).data

    assert list(bars.y) == ["b", "a"]
    assert list(bars.x) == [10, 40]


def test_every_network_is_a_line_through_its_decisions_cost_and_accuracy() -> None:
    records = searched(np.random.default_rng(0))
    figure = coordinates_figure(progress_of(records, parse_objectives("accuracy,flops"), (0.0, 1e7), 200), DECISIONS)

    assert figure is not None
    axes = {axis.label: axis for axis in figure.data[0].dimensions}
    assert list(axes) == ["trial", "SE 1", "SE 2", "depth", "width", "flops", "accuracy (%)"]
    assert all(len(axis["values"]) == len(records) for axis in axes.values())
    assert list(axes["SE 2"].ticktext) == ["none", "2"]


def test_too_few_networks_give_no_figure_of_lines() -> None:
    assert coordinates_figure(a_progress(), DECISIONS) is None

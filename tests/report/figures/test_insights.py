import numpy as np
import pytest

from se_nas.analysis.ablation import Ablation
from se_nas.analysis.confirmation import ConfirmedFront
from se_nas.analysis.effects import Marginal
from se_nas.analysis.paired import Effect, Extra, Gain
from se_nas.analysis.rank_correlation import EpochPrediction
from se_nas.report.figures.certainty import ablation_figure, confirmed_figure
from se_nas.report.figures.insights import (
    early_epochs_figure,
    effects_figure,
    hypervolume_figure,
    learning_curves_figure,
)
from se_nas.report.figures.layout import FRONT_COLOUR, OTHER_COLOUR
from se_nas.searching.records import TrialStatus
from se_nas.space.decisions import Role
from tests.fakes import record
from tests.tracking.test_console import a_progress, a_record


def test_the_confirmed_front_shows_expected_accuracies_intervals_and_the_accuracies_in_the_search() -> None:
    records = {0: record(0, accuracy=0.9, flops=100.0), 1: record(1, accuracy=0.8, flops=200.0)}
    front = ConfirmedFront.of({0: {0: 0.8, 1: 0.82}, 1: {0: 0.7, 1: 0.72}}, records, ["flops"], epochs=3)

    high, low, seen, members, others = confirmed_figure(front).data

    assert list(seen.y) == [0.9, 0.8]
    verdict = front.networks[0].verdict
    assert (list(members.x), members.y[0]) == ([100.0], verdict.expected)
    assert list(others.x) == [200.0]
    assert members.error_y.array[0] == pytest.approx(verdict.high - verdict.expected)
    assert members.error_y.arrayminus[0] == pytest.approx(verdict.expected - verdict.low)
    assert (np.array(high.y) > np.array(low.y)).all()


def test_an_ablation_has_a_row_for_each_effect_the_first_on_top_and_colours_significant_effects() -> None:
    def effect(where: str, mean: float) -> Effect:
        return Effect(
            where=where,
            over="",
            gain=Gain(mean=mean, half_width=0.01, seeds=3),
            added={name: Extra.counted(7.0) for name in ("params", "flops", "latency")},
        )

    figure = ablation_figure(
        Ablation(trial=4, epochs=2, effects=(effect("in stage 1", 0.02), effect("in stage 2", 0.0)))
    )

    assert list(figure.data[0].y) == ["SE in stage 2", "SE in stage 1"]
    assert list(figure.data[0].x) == [0.0, pytest.approx(2.0)]
    assert list(figure.data[0].marker.color) == [OTHER_COLOUR, FRONT_COLOUR]


def test_effects_are_in_points_with_asymmetric_intervals() -> None:
    one = Marginal(factor="SE in stage 1", role=Role.ATTENTION, value="<b>", mean=0.01, low=-0.01, high=0.04, count=9)

    (points,) = effects_figure([one], title="t").data

    assert list(points.y) == ["SE in stage 1: &lt;b&gt;"]
    assert points.error_x.array[0] == pytest.approx(3.0)
    assert points.error_x.arrayminus[0] == pytest.approx(2.0)


def test_the_correlation_has_its_band() -> None:
    high, low, line = early_epochs_figure([EpochPrediction(epoch=1, correlation=0.5, low=0.2, high=0.7)]).data

    assert (high.y[0], low.y[0], line.y[0]) == (0.7, 0.2, 0.5)


def test_learning_curves_highlight_the_front_and_mark_stopped_trials() -> None:
    progress = a_progress(
        record(0, curve=(0.1, 0.9), flops=100.0),
        record(1, curve=(0.2, 0.3), flops=200.0),
        record(2, status=TrialStatus.PRUNED, curve=(0.15,), reason="stopped <here>", flops=300.0),
    )

    others, front, stopped, chosen = learning_curves_figure(progress).data

    assert list(front.y) == [0.1, 0.9, None]
    assert list(others.y) == [0.2, 0.3, None, 0.15, None]
    assert list(others.customdata) == [1, 1, 1, 2, 2]
    assert (chosen.meta, chosen.x) == ("chosen", ())
    assert (stopped.x[0], stopped.y[0], stopped.text[0]) == (1, 0.15, "trial 2: stopped &lt;here&gt;")


def test_the_hypervolume_never_falls_and_ends_at_100_percent() -> None:
    progress = a_progress(a_record(0, 0.5, 100), a_record(1, 0.4, 200), a_record(2, 0.9, 300))

    (line,) = hypervolume_figure(progress).data

    assert list(line.y) == sorted(line.y)
    assert line.y[0] == line.y[1]
    assert line.y[-1] == pytest.approx(100)

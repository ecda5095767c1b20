import math

import numpy as np
import pytest
from scipy.stats import norm

from se_nas.searching.stop.rung_value import (
    PRIOR_POINTS,
    PRIOR_Z,
    Arrivals,
    CorrelationEstimate,
    estimate_correlation,
    forecast,
)

NAN = float("nan")


def population(
    correlation: float, *, count: int, seed: int = 0, cost_effect: tuple[float, float] = (0.0, 0.0)
) -> Arrivals:
    """Arrivals whose normal accuracies have this correlation with the final ones. The cost shifts both accuracies."""
    rng = np.random.default_rng(seed)
    early, noise, cost = rng.standard_normal((3, count))
    final = correlation * early + math.sqrt(1 - correlation**2) * noise
    return Arrivals(
        accuracy=early + cost_effect[0] * cost, final=final + cost_effect[1] * cost, log_costs=cost[:, None]
    )


def belief_of(arrivals: Arrivals) -> CorrelationEstimate:
    """The estimate if no later accuracy except the final one is known."""
    return estimate_correlation(arrivals, np.full(len(arrivals.accuracy), NAN))


def top_down(correlation: float) -> float:
    """The top-down correlation of normal values. Their ranks are turned into exponential values directly."""
    arrivals = population(correlation, count=200_000, seed=1)
    return float(np.corrcoef(norm.logsf(arrivals.accuracy), norm.logsf(arrivals.final))[0, 1])


class TestEstimate:
    @pytest.mark.parametrize("correlation", [-0.5, 0.0, 0.4, 0.9])
    def test_with_much_evidence_the_estimate_is_the_true_top_down_correlation(self, correlation: float) -> None:
        belief = belief_of(population(correlation, count=4000))

        assert belief.correlation == pytest.approx(top_down(correlation), abs=0.04)
        assert belief.deviation == pytest.approx(1 / math.sqrt(4000 - 5 + 3))

    def test_bad_networks_that_are_told_apart_count_little(self) -> None:
        """The ranks of the worse half agree at both epochs. The order of the better half is random at the rung."""
        rng = np.random.default_rng(0)
        early = np.arange(400.0)
        early[200:] = rng.permutation(early[200:])
        arrivals = Arrivals(early, np.arange(400.0), np.zeros((400, 1)))

        assert np.corrcoef(early, arrivals.final)[0, 1] > 0.85
        assert belief_of(arrivals).correlation < 0.55

    def test_a_correlation_that_the_cost_explains_does_not_count(self) -> None:
        """Expensive networks are better at first and worse in the end. At equal cost, the ranks agree."""
        arrivals = population(0.8, count=4000, cost_effect=(2.0, -2.0))

        belief = belief_of(arrivals)

        assert np.corrcoef(arrivals.accuracy, arrivals.final)[0, 1] < -0.3
        assert belief.correlation == pytest.approx(top_down(0.8), abs=0.06)

    def test_a_correlation_that_the_squared_cost_explains_does_not_count(self) -> None:
        """Both accuracies are best at a medium cost, and have no other correlation."""
        rng = np.random.default_rng(0)
        early, late, cost = rng.standard_normal((3, 4000))
        arrivals = Arrivals(early - 2 * cost**2, late - 2 * cost**2, cost[:, None])

        assert np.corrcoef(arrivals.accuracy, arrivals.final)[0, 1] > 0.7
        assert abs(belief_of(arrivals).correlation) < 0.3

    @pytest.mark.parametrize("count", [9, 30, 100])
    @pytest.mark.parametrize("slope", [1.0, -1.0])
    def test_accuracies_that_the_cost_explains_entirely_say_nothing(self, count: int, slope: float) -> None:
        """What is left of them are errors of rounding, and their order means nothing."""
        costs = np.arange(1.0, count + 1)
        arrivals = Arrivals(slope * costs, slope * costs, costs[:, None])

        assert abs(belief_of(arrivals).z) <= PRIOR_Z

    @pytest.mark.parametrize("better", [0.5, 0.8])
    def test_a_selection_of_the_better_trials_lowers_the_estimate(self, better: float) -> None:
        arrivals = population(0.7, count=4000)
        went_on = arrivals.accuracy > np.quantile(arrivals.accuracy, better)
        selected = Arrivals(arrivals.accuracy, np.where(went_on, arrivals.final, NAN), arrivals.log_costs)

        assert 0.3 < belief_of(selected).correlation < belief_of(arrivals).correlation

    def test_a_monotonic_change_of_accuracies_does_not_change_the_estimate(self) -> None:
        arrivals = population(0.6, count=30)
        stretched = Arrivals(np.exp(arrivals.accuracy), np.tanh(arrivals.final), arrivals.log_costs)

        assert belief_of(stretched) == belief_of(arrivals)

    @pytest.mark.parametrize(("costs", "least"), [(1, 6), (2, 8)])
    def test_with_too_few_finished_trials_the_estimate_is_the_prior(self, costs: int, least: int) -> None:
        rng = np.random.default_rng(0)
        final = np.full(20, NAN)
        final[: least - 1] = rng.random(least - 1)
        arrivals = Arrivals(rng.random(20), final, rng.random((20, costs)))
        before = CorrelationEstimate(PRIOR_Z, 1 / math.sqrt(PRIOR_POINTS))

        assert belief_of(arrivals) == before
        final[least - 1] = 0.5
        assert belief_of(arrivals) != before

    def test_the_estimate_from_one_arrival_is_the_prior(self) -> None:
        assert belief_of(Arrivals(np.array([0.5]), np.array([NAN]), np.zeros((1, 1)))).z == PRIOR_Z

    @pytest.mark.parametrize("seed", range(5))
    def test_an_epoch_that_does_not_predict_the_next_epochs_gets_a_lower_prior(self, seed: int) -> None:
        """No trial is finished yet."""
        early, later = np.random.default_rng(seed).standard_normal((2, 40))
        arrivals = Arrivals(early, np.full(40, NAN), np.zeros((40, 1)))

        assert estimate_correlation(arrivals, later).z < 0.6 * PRIOR_Z

    def test_an_epoch_that_predicts_the_next_epochs_gets_no_higher_prior(self) -> None:
        early = np.random.default_rng(0).standard_normal(40)
        arrivals = Arrivals(early, np.full(40, NAN), np.zeros((40, 1)))

        assert estimate_correlation(arrivals, early) == belief_of(arrivals)

    def test_many_finished_trials_outweigh_the_prior(self) -> None:
        arrivals = population(0.8, count=400)
        later = np.random.default_rng(1).standard_normal(400)

        assert estimate_correlation(arrivals, later).correlation == pytest.approx(top_down(0.8), abs=0.06)

    def test_equal_accuracies_lower_the_estimate(self) -> None:
        arrivals = Arrivals(np.full(9, 0.5), np.arange(9.0), np.arange(9.0)[:, None])

        assert 0 < belief_of(arrivals).z < PRIOR_Z

    def test_five_points_in_perfect_order_leave_more_uncertainty_than_fifty(self) -> None:
        few, many = (belief_of(population(0.999, count=count)) for count in (5, 50))

        assert few.correlation < many.correlation
        assert few.deviation > 2 * many.deviation


class TestPassing:
    def test_the_passing_probability_is_that_of_a_simulation(self) -> None:
        """Two million networks: how many at the border of the best 5 % are among the best 60 % at the early epoch?"""
        rng = np.random.default_rng(0)
        early, noise = rng.standard_normal((2, 2_000_000))
        sought = np.abs(0.6 * early + 0.8 * noise - norm.isf(0.05)) < 0.02

        passing = CorrelationEstimate(math.atanh(0.6), 1e-9).passing(0.6)

        assert passing == pytest.approx((early[sought] > norm.isf(0.6)).mean(), abs=0.01)

    def test_a_sought_network_passes_more_often_if_more_trials_are_kept(self) -> None:
        found = [CorrelationEstimate(0.4, 0.3).passing(kept) for kept in (0.2, 0.4, 0.6, 0.8, 0.95)]

        assert found == sorted(found)

    def test_an_uncertain_correlation_lowers_the_probability(self) -> None:
        assert CorrelationEstimate(0.8, 0.6).passing(0.4) < CorrelationEstimate(0.8, 0.1).passing(0.4)


class TestGain:
    def test_the_gain_equals_that_of_a_simulation(self) -> None:
        """Two million networks: how many at the border of the best 5 % are among the best 40 % at the early epoch?"""
        rng = np.random.default_rng(0)
        early, noise = rng.standard_normal((2, 2_000_000))
        final = 0.6 * early + 0.8 * noise
        sought, passed = np.abs(final - norm.isf(0.05)) < 0.02, early > norm.isf(0.4)
        trained = np.where(passed, 10, 3)  # epochs: 3 to the rung, 7 more after it
        simulated = (sought & passed).sum() / trained.sum() / (sought.sum() / (10 * len(final)))

        gain = CorrelationEstimate(math.atanh(0.6), 1e-9).gain(kept=0.4, sunk=3, rest=7)

        assert gain == pytest.approx(simulated, rel=0.03)

    def test_a_rung_without_correlation_loses_little_early_and_much_late(self) -> None:
        blind = CorrelationEstimate(0.0, 1e-9)

        assert blind.gain(kept=0.5, sunk=1, rest=49) == pytest.approx(0.5 * 50 / 25.5)
        assert blind.gain(kept=0.5, sunk=45, rest=5) == pytest.approx(0.5 * 50 / 47.5)

    def test_a_perfect_rung_halves_the_cost_of_a_sought_network(self) -> None:
        assert CorrelationEstimate(5.0, 1e-9).gain(kept=0.5, sunk=0, rest=9) == pytest.approx(2.0)

    def test_a_rung_without_remaining_epochs_gains_nothing(self) -> None:
        assert CorrelationEstimate(5.0, 1e-9).gain(kept=0.5, sunk=9, rest=0) == pytest.approx(1.0)

    def test_the_gain_grows_with_the_correlation(self) -> None:
        gains = [CorrelationEstimate(z, 0.3).gain(kept=0.5, sunk=2, rest=8) for z in (-1.0, 0.0, 0.5, 1.0, 2.0)]

        assert gains == sorted(gains)


class TestForecast:
    def test_a_straight_line_is_continued_without_uncertainty(self) -> None:
        arrivals = Arrivals(np.array([0.1, 0.2, 0.3, 0.25]), np.array([0.5, 0.6, 0.7, NAN]), np.zeros((4, 1)))

        assert np.array(forecast(arrivals))[:, 3] == pytest.approx([0.65, 0.0], abs=1e-9)

    def test_80_percent_of_final_accuracies_are_within_the_interval(self) -> None:
        inside = 0
        for seed in range(400):
            arrivals = population(0.7, count=12, seed=seed)
            truth = arrivals.final[0]
            unfinished = np.r_[NAN, arrivals.final[1:]]
            expected, margin = forecast(Arrivals(arrivals.accuracy, unfinished, arrivals.log_costs))
            inside += abs(truth - expected[0]) <= margin[0]

        assert 0.74 <= inside / 400 <= 0.86

    def test_too_few_finished_trials_are_refused(self) -> None:
        with pytest.raises(ValueError, match="needs three finished trials, but got 1"):
            forecast(Arrivals(np.array([0.1, 0.2]), np.array([0.5, NAN]), np.zeros((2, 1))))

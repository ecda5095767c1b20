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
    """Normal accuracies that correlate so with the final ones; the cost shifts the two by `cost_effect`."""
    rng = np.random.default_rng(seed)
    early, noise, cost = rng.standard_normal((3, count))
    final = correlation * early + math.sqrt(1 - correlation**2) * noise
    return Arrivals(
        accuracy=early + cost_effect[0] * cost, final=final + cost_effect[1] * cost, log_costs=cost[:, None]
    )


def belief_of(arrivals: Arrivals) -> CorrelationEstimate:
    """Where no later accuracy is known but the final one."""
    return estimate_correlation(arrivals, np.full(len(arrivals.accuracy), NAN))


class TestTheBelief:
    @pytest.mark.parametrize("correlation", [-0.5, 0.0, 0.4, 0.9])
    def test_with_much_evidence_it_is_the_true_correlation(self, correlation: float) -> None:
        belief = belief_of(population(correlation, count=4000))

        assert belief.correlation == pytest.approx(correlation, abs=0.04)
        assert belief.deviation == pytest.approx(1 / math.sqrt(4000 - 5 + 3))

    def test_what_the_cost_explains_does_not_count(self) -> None:
        """Here the dear networks are ahead at first and behind in the end; at equal cost the ranks agree."""
        arrivals = population(0.8, count=4000, cost_effect=(2.0, -2.0))

        belief = belief_of(arrivals)

        assert np.corrcoef(arrivals.accuracy, arrivals.final)[0, 1] < -0.3
        assert belief.correlation == pytest.approx(0.8, abs=0.06)

    def test_nor_what_it_explains_by_a_curve(self) -> None:
        """Neither of the two tells of the other where both are best at a middling cost."""
        rng = np.random.default_rng(0)
        early, late, cost = rng.standard_normal((3, 4000))
        arrivals = Arrivals(early - 2 * cost**2, late - 2 * cost**2, cost[:, None])

        assert np.corrcoef(arrivals.accuracy, arrivals.final)[0, 1] > 0.7
        assert abs(belief_of(arrivals).correlation) < 0.3

    def test_that_only_the_better_ones_were_finished_does_not_bias_it(self) -> None:
        arrivals = population(0.7, count=4000)
        better = arrivals.accuracy > np.median(arrivals.accuracy)
        selected = Arrivals(arrivals.accuracy, np.where(better, arrivals.final, NAN), arrivals.log_costs)

        naive = np.corrcoef(arrivals.accuracy[better], arrivals.final[better])[0, 1]
        belief = belief_of(selected)

        assert naive < 0.6
        assert belief.correlation == pytest.approx(0.7, abs=0.06)

    def test_but_makes_them_count_for_less(self) -> None:
        """Half of a normal distribution deviates by √(1 - 2/π) of the whole: it tells so much less."""
        arrivals = population(0.7, count=4000)
        better = arrivals.accuracy > np.median(arrivals.accuracy)
        selected = Arrivals(arrivals.accuracy, np.where(better, arrivals.final, NAN), arrivals.log_costs)

        expected = 1 / math.sqrt((2000 - 5) * (1 - 2 / math.pi) + 3)
        assert belief_of(selected).deviation == pytest.approx(expected, rel=0.05)

    def test_it_does_not_change_when_accuracies_are_stretched(self) -> None:
        arrivals = population(0.6, count=30)
        stretched = Arrivals(np.exp(arrivals.accuracy), np.tanh(arrivals.final), arrivals.log_costs)

        assert belief_of(stretched) == belief_of(arrivals)

    @pytest.mark.parametrize(("costs", "least"), [(1, 6), (2, 8)])
    def test_until_enough_finished_it_is_what_was_believed_before(self, costs: int, least: int) -> None:
        rng = np.random.default_rng(0)
        final = np.full(20, NAN)
        final[: least - 1] = rng.random(least - 1)
        arrivals = Arrivals(rng.random(20), final, rng.random((20, costs)))
        before = CorrelationEstimate(PRIOR_Z, 1 / math.sqrt(PRIOR_POINTS))

        assert belief_of(arrivals) == before
        final[least - 1] = 0.5
        assert belief_of(arrivals) != before

    def test_even_of_one_arrival_something_is_believed(self) -> None:
        assert belief_of(Arrivals(np.array([0.5]), np.array([NAN]), np.zeros((1, 1)))).z == PRIOR_Z

    @pytest.mark.parametrize("seed", range(5))
    def test_an_epoch_that_does_not_predict_the_next_ones_is_believed_less(self, seed: int) -> None:
        """Nothing is finished yet."""
        early, later = np.random.default_rng(seed).standard_normal((2, 40))
        arrivals = Arrivals(early, np.full(40, NAN), np.zeros((40, 1)))

        assert estimate_correlation(arrivals, later).z < 0.6 * PRIOR_Z

    def test_one_that_does_is_believed_no_more_for_it(self) -> None:
        early = np.random.default_rng(0).standard_normal(40)
        arrivals = Arrivals(early, np.full(40, NAN), np.zeros((40, 1)))

        assert estimate_correlation(arrivals, early) == belief_of(arrivals)

    def test_much_that_is_finished_outweighs_it(self) -> None:
        arrivals = population(0.8, count=400)
        later = np.random.default_rng(1).standard_normal(400)

        assert estimate_correlation(arrivals, later).correlation == pytest.approx(0.8, abs=0.06)

    def test_equal_accuracies_say_nothing(self) -> None:
        arrivals = Arrivals(np.full(9, 0.5), np.arange(9.0), np.arange(9.0)[:, None])

        assert 0 < belief_of(arrivals).z < PRIOR_Z

    def test_five_points_in_perfect_order_leave_more_doubt_than_fifty(self) -> None:
        few, many = (belief_of(population(0.999, count=count)) for count in (5, 50))

        assert few.correlation < many.correlation
        assert few.deviation > 2 * many.deviation


class TestTheGain:
    def test_against_a_simulation(self) -> None:
        """Of two million networks, how many at the border of the best twentieth are among the best 40 % early?"""
        rng = np.random.default_rng(0)
        early, noise = rng.standard_normal((2, 2_000_000))
        final = 0.6 * early + 0.8 * noise
        sought, passed = np.abs(final - norm.isf(0.05)) < 0.02, early > norm.isf(0.4)
        trained = np.where(passed, 10, 3)  # epochs: 3 to the rung, 7 more behind it
        simulated = (sought & passed).sum() / trained.sum() / (sought.sum() / (10 * len(final)))

        gain = CorrelationEstimate(math.atanh(0.6), 1e-9).gain(kept=0.4, sunk=3, rest=7)

        assert gain == pytest.approx(simulated, rel=0.03)

    def test_a_blind_rung_early_on_costs_little_and_a_late_one_much(self) -> None:
        blind = CorrelationEstimate(0.0, 1e-9)

        assert blind.gain(kept=0.5, sunk=1, rest=49) == pytest.approx(0.5 * 50 / 25.5)
        assert blind.gain(kept=0.5, sunk=45, rest=5) == pytest.approx(0.5 * 50 / 47.5)

    def test_a_perfect_rung_halves_the_price(self) -> None:
        assert CorrelationEstimate(5.0, 1e-9).gain(kept=0.5, sunk=0, rest=9) == pytest.approx(2.0)

    def test_where_nothing_is_left_to_save_nothing_is_gained(self) -> None:
        assert CorrelationEstimate(5.0, 1e-9).gain(kept=0.5, sunk=9, rest=0) == pytest.approx(1.0)

    def test_it_grows_with_the_correlation(self) -> None:
        gains = [CorrelationEstimate(z, 0.3).gain(kept=0.5, sunk=2, rest=8) for z in (-1.0, 0.0, 0.5, 1.0, 2.0)]

        assert gains == sorted(gains)


class TestTheForecast:
    def test_a_straight_line_is_continued_without_doubt(self) -> None:
        arrivals = Arrivals(np.array([0.1, 0.2, 0.3, 0.25]), np.array([0.5, 0.6, 0.7, NAN]), np.zeros((4, 1)))

        assert np.array(forecast(arrivals))[:, 3] == pytest.approx([0.65, 0.0], abs=1e-9)

    def test_eight_of_ten_end_within_the_interval(self) -> None:
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

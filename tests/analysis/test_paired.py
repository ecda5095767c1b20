"""Differences on equal seeds, compared with known true values."""

import numpy as np
import pytest

from se_nas.analysis.paired import Effect, Extra, Gain, PairedAccuracies


def drawn(rng: np.random.Generator, means: dict[str, float], *, seeds: int) -> dict[str, dict[int, float]]:
    """Accuracies in which the effect of a seed is five times as large as the noise."""
    of_seed = 0.05 * rng.standard_normal(seeds)
    return {
        name: {seed: mean + of_seed[seed] + 0.01 * rng.standard_normal() for seed in range(seeds)}
        for name, mean in means.items()
    }


def test_intervals_contain_the_true_gain_in_95_percent_of_the_cases() -> None:
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(1_000):
        gain = PairedAccuracies(drawn(rng, {"a": 0.8, "b": 0.81, "c": 0.7}, seeds=4)).gain("b", "a")
        inside += abs(gain.mean - 0.01) <= gain.half_width

    assert 0.93 <= inside / 1_000 <= 0.97


def test_the_effect_of_a_seed_on_all_networks_cancels_out() -> None:
    paired = PairedAccuracies({"a": {0: 0.5, 1: 0.9}, "b": {0: 0.52, 1: 0.92}})

    gain = paired.gain("b", "a")

    assert gain.mean == pytest.approx(0.02)
    assert gain.half_width == pytest.approx(0.0, abs=1e-12)
    assert gain.is_sure


def test_two_networks_give_the_paired_t_interval() -> None:
    """scipy.stats.ttest_rel is the oracle."""
    from scipy.stats import ttest_rel

    first, second = [0.80, 0.83, 0.79, 0.85], [0.82, 0.84, 0.83, 0.86]
    paired = PairedAccuracies({"a": dict(enumerate(first)), "b": dict(enumerate(second))})

    interval = ttest_rel(second, first).confidence_interval(0.95)
    gain = paired.gain("b", "a")

    assert (gain.mean - gain.half_width, gain.mean + gain.half_width) == pytest.approx((interval.low, interval.high))


def test_seeds_that_a_network_lacks_are_left_out() -> None:
    paired = PairedAccuracies({"a": {0: 0.5, 1: 0.6, 2: 0.0}, "b": {0: 0.6, 1: 0.8, 5: 0.0}})

    assert paired.seeds == [0, 1]
    assert paired.gain("b", "a").mean == pytest.approx(0.15)


def test_of_several_zero_gains_few_are_ever_called_sure() -> None:
    rng = np.random.default_rng(1)
    alarms = 0
    for _ in range(400):
        paired = PairedAccuracies(drawn(rng, dict.fromkeys("abcdef", 0.8), seeds=5))
        alarms += any(paired.gain(name, "a", among=5).is_sure for name in "bcdef")

    assert alarms / 400 <= 0.07


@pytest.mark.parametrize("accuracies", [{"a": {0: 0.5, 1: 0.5}}, {"a": {0: 0.5, 1: 0.5}, "b": {1: 0.5}}])
def test_one_network_or_one_common_seed_is_refused(accuracies: dict[str, dict[int, float]]) -> None:
    with pytest.raises(ValueError, match="two networks and two common seeds are needed"):
        PairedAccuracies(accuracies)


def an_effect(**added: Extra) -> Effect:
    counted = {"params": Extra.counted(500.0), "flops": Extra.counted(0.0), "latency": Extra.counted(0.1)}
    return Effect(where="in stage 1", over="", gain=Gain(mean=0.02, half_width=0.01, seeds=3), added=counted | added)


def test_a_gain_per_unit_of_added_cost_has_an_interval() -> None:
    gain = an_effect().gain_per("params", 1_000)

    assert gain is not None
    assert (gain.mean, gain.half_width) == pytest.approx((0.04, 0.02))


def test_there_is_no_gain_per_unit_of_a_cost_that_is_not_surely_added() -> None:
    unsure = an_effect(latency=Extra(amount=0.01, low=-0.02, high=0.03))

    assert unsure.gain_per("latency", 0.1) is None
    assert unsure.gain_per("flops", 10_000) is None


def test_the_interval_of_a_gain_per_millisecond_contains_both_uncertainties() -> None:
    gain = an_effect(latency=Extra(amount=0.02, low=0.01, high=0.04)).gain_per("latency", 0.1)

    assert gain is not None
    assert gain.mean == pytest.approx(0.1)
    assert gain.half_width == pytest.approx(0.2)  # the upper end is 0.03 for 0.01 ms


def test_a_slow_machine_does_not_change_the_added_time() -> None:
    """The interval of a median contains it in 95 % of the cases, whatever the distribution of the passes is."""
    rng = np.random.default_rng(2)
    inside = 0
    for _ in range(500):
        disturbed = rng.exponential(5.0, 50)
        passes, over = disturbed + 1.2 + 0.1 * rng.standard_cauchy(50), disturbed + 1.0
        extra = Extra.measured(passes.tolist(), over.tolist())
        inside += extra.low <= 0.2 <= extra.high
        assert extra.high - extra.low < 0.3

    assert inside / 500 >= 0.93


def test_an_extra_outside_its_interval_is_refused() -> None:
    with pytest.raises(ValueError, match="low <= amount <= high"):
        Extra(amount=1.0, low=2.0, high=3.0)

"""Differences on equal seeds, beside what is true by construction."""

import numpy as np
import pytest

from se_nas.search.paired import Effect, Gain, PairedAccuracies


def drawn(rng: np.random.Generator, means: dict[str, float], *, seeds: int) -> dict[str, dict[int, float]]:
    """Accuracies whose seeds matter five times as much as their noise."""
    of_seed = 0.05 * rng.standard_normal(seeds)
    return {
        name: {seed: mean + of_seed[seed] + 0.01 * rng.standard_normal() for seed in range(seeds)}
        for name, mean in means.items()
    }


def test_its_intervals_hold_the_true_gain_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(1_000):
        gain = PairedAccuracies(drawn(rng, {"a": 0.8, "b": 0.81, "c": 0.7}, seeds=4)).gain("b", "a")
        inside += abs(gain.mean - 0.01) <= gain.half_width

    assert 0.93 <= inside / 1_000 <= 0.97


def test_what_a_seed_does_to_all_networks_falls_out() -> None:
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


def test_seeds_that_not_all_have_are_left_out() -> None:
    paired = PairedAccuracies({"a": {0: 0.5, 1: 0.6, 2: 0.0}, "b": {0: 0.6, 1: 0.8, 5: 0.0}})

    assert paired.seeds == [0, 1]
    assert paired.gain("b", "a").mean == pytest.approx(0.15)


def test_of_several_gains_that_are_nothing_few_are_ever_called_sure() -> None:
    rng = np.random.default_rng(1)
    alarms = 0
    for _ in range(400):
        paired = PairedAccuracies(drawn(rng, dict.fromkeys("abcdef", 0.8), seeds=5))
        alarms += any(paired.gain(name, "a", among=5).is_sure for name in "bcdef")

    assert alarms / 400 <= 0.07


@pytest.mark.parametrize("accuracies", [{"a": {0: 0.5, 1: 0.5}}, {"a": {0: 0.5, 1: 0.5}, "b": {1: 0.5}}])
def test_one_network_or_one_common_seed_tells_nothing(accuracies: dict[str, dict[int, float]]) -> None:
    with pytest.raises(ValueError, match="two networks and two common seeds are needed"):
        PairedAccuracies(accuracies)


def test_a_gain_is_told_per_unit_of_what_is_added_if_anything_is() -> None:
    gain = Gain(mean=0.02, half_width=0.01, seeds=3)
    effect = Effect(where="in stage 1", over="", gain=gain, added={"params": 500.0, "flops": 9.0, "latency": -0.1})

    assert effect.points_per("params", 1_000) == pytest.approx(4.0)
    assert effect.points_per("latency", 1.0) is None

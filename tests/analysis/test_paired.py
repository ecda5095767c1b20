"""The gain of SE beside its additional costs."""

import numpy as np
import pytest

from se_nas.analysis.paired import Effect, Extra, Gain


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

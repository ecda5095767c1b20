"""The gain of SE over all trials of a search whose true gains are known."""

import numpy as np
import pytest
from search_effects import DECISIONS, STAGES, search

from se_nas.analysis.search_effects import stage_gains
from se_nas.searching.records import TrialStatus
from tests.fakes import record


@pytest.mark.parametrize("adaptive", [False, True], ids=["random", "adaptive"])
def test_the_intervals_hold_in_about_95_percent_of_the_searches(adaptive: bool) -> None:
    """`benchmarks/search_effects.py` does this at length. Half of the trials are pruned."""
    rng = np.random.default_rng(0)
    inside = []
    for _ in range(12):
        true = 0.01 * rng.standard_normal(STAGES)
        records = search(true, rng, trials=100, adaptive=adaptive, tails=False)
        assert 20 <= sum(one.status is TrialStatus.PRUNED for one in records) <= 80
        gains = stage_gains(records, ["flops"], DECISIONS)
        assert [gain.stage for gain in gains] == [1, 2, 3]
        inside += [abs(gain.mean - true[gain.stage - 1]) <= gain.half_width for gain in gains]

    assert sum(inside) >= 30  # of 36


def test_a_large_gain_is_found_and_no_gain_is_not() -> None:
    records = search(np.array([0.05, 0.0, -0.05]), np.random.default_rng(1), trials=120, adaptive=False, tails=False)

    first, second, third = stage_gains(records, ["flops"], DECISIONS)

    assert first.is_sure
    assert third.is_sure
    assert (first.mean, third.mean) == pytest.approx((0.05, -0.05), abs=0.01)
    assert not second.is_sure
    assert second.with_se + second.without <= len(records)


@pytest.mark.parametrize("trials", [0, 5, 20])
def test_too_few_trials_give_no_estimate(trials: int) -> None:
    records = search(np.zeros(3), np.random.default_rng(2), trials=trials, adaptive=False, tails=False)

    assert stage_gains(records, ["flops"], DECISIONS) == []


def test_networks_that_all_have_se_give_no_estimate() -> None:
    records = [record(number, accuracy=0.5 + 0.001 * number, fingerprint=str(number)) for number in range(40)]

    assert stage_gains(records, ["flops"], {}) == []

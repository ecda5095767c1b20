"""Simulated confirmations: a small member of `benchmarks/confirmation.py`."""

import numpy as np
import pytest
from confirmation import NOISES, Row, Tally, repeat, simulated

CLOSE_TOGETHER = Row(8, 0.25, 0.5)


@pytest.fixture(scope="module")
def tally() -> Tally:
    tally = Tally()
    for seed in range(25):
        repeat(CLOSE_TOGETHER, seed, tally)
    return tally


def test_the_reported_front_is_hardly_optimistic_although_its_networks_lie_close_together(tally: Tally) -> None:
    assert abs(sum(tally.off) / sum(tally.within)) < 0.1


def test_the_intervals_of_the_reported_front_hold(tally: Tally) -> None:
    assert 0.88 <= sum(tally.held) / sum(tally.within) <= 1.0


def test_stated_probabilities_agree_with_the_truth_on_average(tally: Tally) -> None:
    assert np.mean(tally.stated) == pytest.approx(np.mean(tally.true), abs=0.1)


def test_every_network_has_the_first_seeds_and_none_has_too_many(tally: Tally) -> None:
    assert min(tally.spent) >= 8 * 3
    assert max(tally.spent) <= 8 * 9


@pytest.mark.parametrize("noise", NOISES)
def test_trainings_deviate_by_about_as_much_with_each_noise(noise: str) -> None:
    _, truth, accuracies, _ = simulated(Row(400, 0.5, 1.0, noise, most=20), seed=0)

    off = accuracies - truth[:, None]
    assert 0.007 < off.std() < 0.0095
    low, high = (off[truth.argsort()[part]].std() for part in (slice(100), slice(300, 400)))
    assert (high / low > 1.5, low / high > 1.5) == (noise == "grows", noise == "falls")

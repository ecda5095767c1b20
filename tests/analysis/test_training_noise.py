"""The noise of trainings, learned from networks whose variances are known."""

import numpy as np
import pytest

from se_nas.analysis.partial_pooling import Seeds, drawn_means
from se_nas.analysis.training_noise import drawn_noise

NETWORKS, COUNT = 60, 4.0


def squares_of(variances: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return variances * rng.chisquare(COUNT - 1, len(variances))


@pytest.mark.parametrize("rise", [-2.0, 0.0, 2.0])
def test_noise_that_rises_or_falls_with_the_accuracy_is_found(rise: float) -> None:
    rng = np.random.default_rng(0)
    place = np.linspace(-0.5, 0.5, NETWORKS)
    counts = np.full(NETWORKS, COUNT)

    noise = drawn_noise(counts, squares_of(np.exp(rise * place), rng), place, rng, draws=400)

    assert noise.rises.mean() == pytest.approx(rise, abs=1.0)
    assert noise.scales.mean() == pytest.approx(1.0, abs=0.3)


def test_equal_variances_have_more_degrees_of_freedom_than_different_variances() -> None:
    rng = np.random.default_rng(1)
    unknown, counts = np.zeros(NETWORKS), np.full(NETWORKS, COUNT)
    equal, different = (
        drawn_noise(counts, squares_of(variances, rng), unknown, rng, draws=400)
        for variances in (np.ones(NETWORKS), 3 / rng.chisquare(3, NETWORKS))
    )

    assert np.median(equal.freedoms) > np.median(different.freedoms)


def test_a_network_with_much_noise_may_be_one_of_the_good_ones_only_where_these_have_much_noise() -> None:
    """The same low mean of seeds that differ much, where noise rises with the accuracy and where it falls."""
    means = np.append(np.linspace(-1.0, 1.0, 20), -0.5)
    drawn = []
    for rise in (2.5, -2.5):
        variances = np.append(np.exp(rise * means[:-1] / 2), np.exp(2.5 / 2))
        seeds = Seeds(counts=np.full(21, 3.0), means=means, squares=2 * variances, predictors=np.zeros((21, 1)))
        drawn.append(drawn_means(seeds, np.random.default_rng(0), draws=400, of_each=5)[:, -1])

    rises, falls = drawn
    assert (rises > 0).mean() > (falls > 0).mean() + 0.05

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from se_nas.analysis.tested_accuracy import mean_test_accuracy


@pytest.mark.parametrize(("right", "images"), [(0, 10), (7, 10), (350, 359), (10_000, 10_000)])
def test_one_training_has_wilsons_interval(right: int, images: int) -> None:
    expected = binomtest(right, images).proportion_ci(method="wilson")

    tested = mean_test_accuracy([(right, images)])

    assert (tested.mean, tested.low, tested.high) == pytest.approx((right / images, *expected), abs=1e-12)


def test_the_interval_of_several_trainings_contains_the_variation_of_images_and_seeds() -> None:
    same, apart = mean_test_accuracy([(900, 1000)] * 3), mean_test_accuracy([(880, 1000), (900, 1000), (920, 1000)])
    alone = mean_test_accuracy([(900, 1000)])

    assert (same.low, same.high) == pytest.approx((alone.low, alone.high))
    assert apart.mean == pytest.approx(0.9)
    of_seeds = 4.302652729 * 0.02 / math.sqrt(3)  # Student's t of two degrees of freedom
    assert apart.high - apart.low == pytest.approx(2 * math.hypot((alone.high - alone.low) / 2, of_seeds))


def test_the_interval_contains_the_true_accuracy() -> None:
    """The true accuracy is 80 %, the standard deviation over seeds 2 points, and there are 500 images.

    The interval should contain it in 95 % of 600 cases; the test asks for 91 % (false alarm: below 1 in 10,000).
    """
    rng, held = np.random.default_rng(0), 0
    for _ in range(600):
        truths = np.clip(rng.normal(0.8, 0.02, 4), 0, 1)
        tested = mean_test_accuracy([(int(rng.binomial(500, truth)), 500) for truth in truths])
        held += tested.low <= 0.8 <= tested.high

    assert held > 0.91 * 600

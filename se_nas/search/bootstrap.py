"""Bootstrap intervals over networks: Efron, Annals of Statistics 7, 1979; the percentile method."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 500
CONFIDENCE = 0.95


def bootstrapped(
    statistic: Callable[[NDArray[np.int64]], NDArray[np.float64]], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The interval's ends of a statistic of `count` networks, given by their indices; NaN is left out."""
    rng = np.random.default_rng(0)
    resampled = np.array([statistic(rng.integers(0, count, count)) for _ in range(RESAMPLES)])
    low, high = np.nanquantile(resampled, [0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2], axis=0)
    return low, high

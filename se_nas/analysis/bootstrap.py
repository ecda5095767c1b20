"""Bootstrap intervals over networks: Efron, Annals of Statistics 7, 1979.

The percentile method is expanded for few networks. The plain percentile interval is too narrow for them, because the
bootstrap's variance lacks a factor n / (n - 1) and its tails are normal (Hesterberg, "What Teachers Should Know About
the Bootstrap", The American Statistician 69, 2015, "expanded percentile interval").
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

Values = NDArray[np.float64]

RESAMPLES = 1_000
CONFIDENCE = 0.95


def bootstrapped(
    statistic: Callable[[NDArray[np.int64]], Values], count: int, *, behind: NDArray[np.int64]
) -> tuple[Values, Values]:
    """The lower and upper ends (g,) of the intervals of g statistics of `count` networks.

    `statistic` takes the indices of networks. A statistic that is NaN is left out. `behind` (g,) is the number of
    networks that each statistic is computed from, at least two.
    """
    rng = np.random.default_rng(0)
    resampled = np.array([statistic(rng.integers(0, count, count)) for _ in range(RESAMPLES)])
    tails = ndtr(np.sqrt(behind / (behind - 1)) * stdtrit(behind - 1, 0.5 - CONFIDENCE / 2))
    ends = [np.nanquantile(column, [tail, 1 - tail]) for column, tail in zip(resampled.T, tails.tolist(), strict=True)]
    low, high = np.array(ends).T
    return low, high

"""Savage scores: ranks on a scale where the order at the top counts most.

The correlation of two columns of Savage scores is the top-down correlation of Iman and Conover, "A measure of top-down
correlation", Technometrics 29 (1987), section 2. Bad networks are told apart early, so they raise a correlation of all
ranks, but a search needs to know how well the good networks are told apart.
"""

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def savage_scores(values: Values) -> Values:
    """(n,): the k-th largest of n values has the score 1/k + 1/(k+1) + ... + 1/n - 1. Their mean is 0.

    Without the -1, these are the expected values of n ordered draws from an exponential distribution of mean 1. Equal
    values share the mean of their scores.

    >>> savage_scores(np.array([0.9, 0.1, 0.5])).round(2)
    array([ 0.83, -0.67, -0.17])
    """
    count = len(values)
    ascending = np.cumsum(1.0 / np.arange(count, 0, -1)) - 1.0
    _, place, equal = np.unique(values, return_inverse=True, return_counts=True)
    sums = np.add.reduceat(ascending, equal.cumsum() - equal)
    scores: Values = (sums / equal)[place]
    return scores

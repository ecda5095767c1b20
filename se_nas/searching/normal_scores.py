"""Normal scores: ranks on a scale where the top counts, whatever the distribution of the values.

Accuracies are modelled by them. A network that did not learn is as far below the others as its rank says, and the best
networks stand apart however little their accuracies differ.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Values = NDArray[np.float64]


def normal_scores(values: Values) -> Values:
    """(n,) by Blom's formula; equal values share the mean of their ranks.

    >>> normal_scores(np.array([0.9, 0.1, 0.5])).round(2)
    array([ 0.87, -0.87,  0.  ])
    """
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (count.cumsum() - (count - 1) / 2)[place]
    scores: Values = ndtri((ranks - 0.375) / (len(values) + 0.25))
    return scores


def scores_with_doubt(values: Values, doubt: Values) -> tuple[Values, Values]:
    """The normal scores (n,) of `values` (n,), and half the difference (n,) that ± `doubt` (n,) makes in them."""
    scores = normal_scores(values)
    order = np.argsort(values, kind="stable")

    def score(value: Values) -> Values:
        return np.interp(value, values[order], scores[order])

    spread: Values = (score(values + doubt) - score(values - doubt)) / 2
    return scores, spread

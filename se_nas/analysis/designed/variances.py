"""The variances of the networks of an experiment: each is drawn towards the pooled variance, as far as they seem equal.

If trainings have heavy tails, some networks happen to deviate much more than others, and a pooled variance is too small
for these. A variance of a network's own rests on few trainings. The moderated variance is between the two: the weighted
mean of both, where the weight of the pooled variance is estimated from how much the networks' variances differ. If they
differ no more than by chance, all have the pooled variance (Smyth, "Linear models and empirical Bayes methods for
assessing differential expression in microarray experiments", Statistical Applications in Genetics and Molecular Biology
3, 2004, sections 3 and 6.2).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

FEWEST_FREEDOM = 0.5
"""A network with fewer degrees of freedom says nothing about how much the variances differ."""
FEWEST_NETWORKS = 3
"""With fewer networks, all have the pooled variance."""
LEAST = 1e-5
"""The least variance of a network, as a fraction of the pooled one, when the variances are compared."""
WEIGHTS = (1.0, 1e6)
"""The limits of the weight of the pooled variance, in degrees of freedom. Beyond the upper limit, it is infinite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkVariances:
    """The variance of a training (networks,) of each network, and its degrees of freedom (networks,), which are
    infinite if all have the pooled variance."""

    variances: Values
    freedoms: Values


def moderated_variances(squares: Values, freedoms: Values) -> NetworkVariances:
    """The variances from the sums of squared residuals (networks,) and from their degrees of freedom (networks,)."""
    pooled = float(squares.sum() / freedoms.sum())
    weight = _weight_of_pooled(squares, freedoms, pooled)
    if math.isinf(weight):
        return NetworkVariances(variances=np.full(len(squares), pooled), freedoms=np.full(len(squares), math.inf))
    return NetworkVariances(variances=(weight * pooled + squares) / (weight + freedoms), freedoms=weight + freedoms)


def _weight_of_pooled(squares: Values, freedoms: Values, pooled: float) -> float:
    """The weight of the pooled variance, by the variance of the logarithms of the networks' variances."""
    from scipy.optimize import brentq  # slow to import
    from scipy.special import digamma, polygamma

    told = freedoms > FEWEST_FREEDOM
    if told.sum() < FEWEST_NETWORKS or pooled <= 0:
        return math.inf
    half = freedoms[told] / 2
    logarithms = np.log(np.maximum(squares[told] / freedoms[told], LEAST * pooled)) - digamma(half) + np.log(half)
    excess = float(np.var(logarithms, ddof=1) - polygamma(1, half).mean())
    if excess <= polygamma(1, WEIGHTS[1] / 2):
        return math.inf
    if excess >= polygamma(1, WEIGHTS[0] / 2):
        return WEIGHTS[0]
    return float(brentq(lambda weight: polygamma(1, weight / 2) - excess, *WEIGHTS))

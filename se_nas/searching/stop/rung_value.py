"""What the accuracy after an epoch says of the final one: is judging there worth it, and what is to be expected?

The trials that are trained to the end answer both. Judging pays at an epoch where, among networks of equal cost, the
ranks there and at the end go together; how closely is believed with the caution that so few points deserve.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

from se_nas.searching.normal_scores import normal_scores

Values = NDArray[np.float64]

PRIOR_Z, PRIOR_POINTS = 0.6, 3.0
"""What is believed before any evidence: a correlation of tanh(0.6) = 0.54, with the weight of three points."""
SOUGHT = 0.05
"""The share of networks that a search is after; keeping these is what a rung has to do."""
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(15)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The n trials that have trained up to an epoch: their accuracy there (n,), the final one (n,), NaN where it is
    not known, and the logarithm of their k costs (n, k)."""

    accuracy: Values
    final: Values
    log_costs: Values

    @property
    def finished(self) -> NDArray[np.bool_]:
        """Whose final accuracy is known (n,)."""
        return np.isfinite(self.final)


@dataclass(frozen=True, slots=True)
class CorrelationEstimate:
    """The belief about the correlation: normal in Fisher's z, with mean `z` and deviation `deviation`."""

    z: float
    deviation: float

    @property
    def correlation(self) -> float:
        """The most likely correlation."""
        return math.tanh(self.z)

    def gain(self, *, kept: float, sunk: float, rest: float) -> float:
        """How many times more sought networks an epoch of training finds where the best share `kept` goes on.

        An arrival has cost `sunk` epochs, those of all who were stopped on the way included, and goes on for `rest`
        more. With ranks jointly normal, the least of the sought networks passes with
        Φ((ρ·z(1-SOUGHT) - z(1-kept)) / √(1-ρ²)), averaged over the belief about ρ; without the rung it passes for
        certain, and so does everybody.
        """
        rho = np.tanh(self.z + self.deviation * _NODES)
        passes = ndtr((rho * ndtri(1 - SOUGHT) - ndtri(1 - kept)) / np.sqrt(1 - rho * rho))
        return float(_WEIGHTS @ passes) * (sunk + rest) / (sunk + kept * rest)


def estimate_correlation(arrivals: Arrivals, later: Values) -> CorrelationEstimate:
    """The belief about the rank correlation between accuracy and final accuracy, the costs held fixed.

    It begins with what is believed before any evidence, or with what the accuracies `later` (n,), NaN where not known,
    say of this one, if that is less: an epoch that does not predict the next ones does not predict the last.
    """
    costs = np.column_stack([normal_scores(column) for column in arrivals.log_costs.T])
    costs = np.column_stack([costs, costs**2])
    accuracy = _without(normal_scores(arrivals.accuracy), costs)
    near = _belief(accuracy, later, costs, prior_z=PRIOR_Z)
    return _belief(accuracy, arrivals.final, costs, prior_z=min(PRIOR_Z, near.z))


def _belief(accuracy: Values, outcome: Values, costs: Values, *, prior_z: float) -> CorrelationEstimate:
    """The belief about the rank correlation between accuracy and `outcome` (n,), NaN where it is not known.

    Normal scores instead of ranks (Blom); the part of `costs` (n, 2k), straight and square, taken out of both (partial
    correlation), out of `accuracy` (n,) already; corrected for those with an outcome having been selected by that very
    accuracy (Thorndike's case 2, "Personnel Selection", 1949). Fisher's z has the deviation 1/√(n-3-2k), k being the
    number of costs; the correction by a factor u makes it wider by as much, so n counts for 1/u² of itself. Where the
    outcomes are too few to say anything, it is what was believed before.
    """
    known = np.isfinite(outcome)
    evidence = float(known.sum()) - 3 - costs.shape[1]
    if evidence < 1:
        return CorrelationEstimate(prior_z, 1 / math.sqrt(PRIOR_POINTS))
    selected = _without(accuracy[known], costs[known])
    reached = _without(normal_scores(outcome[known]), costs[known])
    explained = 1 + costs.shape[1]
    correlation, wider = _unrestricted_correlation(
        selected, reached, wider=_deviation(accuracy, explained) / max(_deviation(selected, explained), 1e-9)
    )
    evidence /= wider**2
    z = math.atanh(min(max(correlation, -0.995), 0.995))
    points = PRIOR_POINTS + evidence
    return CorrelationEstimate((PRIOR_POINTS * prior_z + evidence * z) / points, 1 / math.sqrt(points))


def forecast(arrivals: Arrivals, *, confidence: float = 0.8) -> tuple[Values, Values]:
    """(expected final accuracy (n,), half the width of its prediction interval (n,)) of each trial; from a straight
    line through (accuracy, final accuracy) of the finished trials, of which there must be at least three."""
    x, y = arrivals.accuracy[arrivals.finished], arrivals.final[arrivals.finished]
    if len(x) < 3:
        raise ValueError(f"a forecast needs three finished trials, but got {len(x)}")
    centred = x - x.mean()
    scatter = float(centred @ centred)
    sloped = scatter > 1e-12
    slope = float(centred @ (y - y.mean())) / scatter if sloped else 0.0
    distance = arrivals.accuracy - x.mean()
    leverage = distance * distance / scatter if sloped else np.zeros(len(distance))
    freedom = len(x) - 2
    residual = math.sqrt(float(((y - y.mean() - slope * centred) ** 2).sum()) / freedom)
    spread: Values = residual * np.sqrt(1 + 1 / len(x) + leverage)
    return y.mean() + slope * distance, float(stdtrit(freedom, 0.5 + confidence / 2)) * spread


def _unrestricted_correlation(selected: Values, reached: Values, *, wider: float) -> tuple[float, float]:
    """Pearson's r, corrected to a population whose first variable deviates `wider` times as much, at least once; and
    that factor. Where either is constant, (0, 1): it says that nothing can be told apart."""
    if selected.std() < 1e-9 or reached.std() < 1e-9:
        return 0.0, 1.0
    r = float(np.corrcoef(selected, reached)[0, 1])
    wider = max(1.0, wider)
    return r * wider / math.sqrt(1 + r * r * (wider * wider - 1)), wider


def _deviation(residuals: Values, explained: int) -> float:
    """Of residuals that so many coefficients were fitted for."""
    return math.sqrt(float(residuals @ residuals) / (len(residuals) - explained))


def _without(values: Values, explained: Values) -> Values:
    """The residuals of a linear regression on `explained` (n, k)."""
    design = np.column_stack([np.ones(len(values)), explained])
    residuals: Values = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return residuals

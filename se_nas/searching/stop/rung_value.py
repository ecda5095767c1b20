"""The value of a rung: how well does the accuracy after an epoch predict the final accuracy?

Trials that were trained to the end show it. Judging at an epoch pays if the best networks there are also the best at
the end, among networks of equal cost. So the correlation is that of Savage scores. The estimate of this correlation is
cautious, because it rests on few points.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

from se_nas.searching.normal_scores import normal_scores
from se_nas.searching.stop.savage_scores import savage_scores

Values = NDArray[np.float64]

PRIOR_Z, PRIOR_POINTS = 0.6, 3.0
"""The prior: a correlation of tanh(0.6) = 0.54, with the weight of three points."""
SOUGHT = 0.05
"""The fraction of networks that a search wants to find. A rung has to keep these networks."""
ROUNDING = 1e-9
"""The greatest residual that is taken for an error of rounding. Scores are about 1."""
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(15)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The n trials that have trained up to an epoch.

    `accuracy` (n,) is their accuracy there, `final` (n,) their final accuracy (NaN if unknown), and `log_costs` (n, k)
    the logarithms of their k costs.
    """

    accuracy: Values
    final: Values
    log_costs: Values

    @property
    def finished(self) -> NDArray[np.bool_]:
        """Whether the final accuracy is known (n,)."""
        return np.isfinite(self.final)


@dataclass(frozen=True, slots=True)
class CorrelationEstimate:
    """An estimate of a correlation: normal in Fisher's z, with mean `z` and standard deviation `deviation`."""

    z: float
    deviation: float

    @property
    def correlation(self) -> float:
        """The most likely correlation."""
        return math.tanh(self.z)

    def passing(self, kept: float) -> float:
        """The probability that the worst of the sought networks is among the best fraction `kept` (below 1) of a rung.

        If ranks are jointly normal, it is Φ((ρ·z(1-SOUGHT) - z(1-kept)) / √(1-ρ²)), averaged over the estimate of ρ.
        The top-down correlation takes the place of the normal one, because it fits recorded tables better
        (`benchmarks/LOG.md`).
        """
        rho = np.tanh(self.z + self.deviation * _NODES)
        return float(_WEIGHTS @ ndtr((rho * ndtri(1 - SOUGHT) - ndtri(1 - kept)) / np.sqrt(1 - rho * rho)))

    def gain(self, *, kept: float, sunk: float, rest: float) -> float:
        """The factor by which a rung increases the number of sought networks found in one epoch of training.

        At the rung, the best fraction `kept` goes on. An arrival has cost `sunk` epochs, including those of all trials
        that were stopped earlier, and goes on for `rest` more epochs. Without the rung, every network passes.
        """
        return self.passing(kept) * (sunk + rest) / (sunk + kept * rest)


def estimate_correlation(arrivals: Arrivals, later: Values) -> CorrelationEstimate:
    """The estimated top-down correlation between accuracy and final accuracy at fixed costs.

    Its prior is `PRIOR_Z`, or the correlation with the accuracies `later` (n,; NaN if unknown) if that is lower: an
    epoch that does not predict the next epochs does not predict the last one.
    """
    costs = np.column_stack([normal_scores(column) for column in arrivals.log_costs.T])
    costs = np.column_stack([costs, costs**2])
    accuracy = savage_scores(_without(normal_scores(arrivals.accuracy), costs))
    near = _belief(accuracy, later, costs, prior_z=PRIOR_Z)
    return _belief(accuracy, arrivals.final, costs, prior_z=min(PRIOR_Z, near.z))


def _belief(accuracy: Values, outcome: Values, costs: Values, *, prior_z: float) -> CorrelationEstimate:
    """The estimated top-down correlation between accuracy and `outcome` (n,), which is NaN if unknown.

    A linear fit on `costs` (n, 2k), the normal scores of the costs and their squares, is subtracted from both variables
    (partial correlation). Savage scores replace the rest of `outcome`. The caller has done the same for `accuracy`
    (n,). What the costs of the trials with an outcome explain in its scores is subtracted again. Fisher's z has the
    standard deviation 1/√(n-3-2k), where k is the number of costs. If there are too few outcomes, the result is the
    prior.

    The trials with an outcome were selected by that very accuracy. This does not change the variance of Savage scores,
    as the tail of an exponential distribution is exponential, but it lowers the correlation (from 0.66 to 0.53 for the
    better half of normal values that are correlated by 0.7). The estimate is not corrected for this. So a rung keeps
    more trials than it would with the true correlation.
    """
    known = np.isfinite(outcome)
    evidence = float(known.sum()) - 3 - costs.shape[1]
    if evidence < 1:
        return CorrelationEstimate(prior_z, 1 / math.sqrt(PRIOR_POINTS))
    there = _without(accuracy[known], costs[known])
    reached = savage_scores(_without(normal_scores(outcome[known]), costs[known]))
    constant = min(there.std(), reached.std()) < 1e-9
    correlation = 0.0 if constant else float(np.corrcoef(there, reached)[0, 1])
    z = math.atanh(min(max(correlation, -0.995), 0.995))
    points = PRIOR_POINTS + evidence
    return CorrelationEstimate((PRIOR_POINTS * prior_z + evidence * z) / points, 1 / math.sqrt(points))


def forecast(arrivals: Arrivals, *, confidence: float = 0.8) -> tuple[Values, Values]:
    """The expected final accuracy (n,) of each trial, and half the width of its prediction interval (n,).

    It comes from a straight line through the points (accuracy, final accuracy) of the finished trials. There must be at
    least three of them.
    """
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


def _without(values: Values, explained: Values) -> Values:
    """The residuals of a linear regression on `explained` (n, k). Errors of rounding become 0 and have no order."""
    design = np.column_stack([np.ones(len(values)), explained])
    residuals: Values = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    residuals[np.abs(residuals) < ROUNDING] = 0.0
    return residuals

"""Partial pooling: the true mean accuracies of networks that were trained on a few seeds, drawn from their posterior.

The highest of many means is usually high by chance, and a flat prior takes this luck for accuracy. Here the means come
from one distribution: a linear trend over predictors, such as the logarithm of the cost, and a normal scatter around
it (Gelman et al., "Bayesian Data Analysis", 3rd edition, 2013, chapters 5 and 15). A mean is pulled towards the trend
as far as the seeds leave it uncertain. The posterior does not depend on why a network got more seeds (chapter 8
there), so verdicts stay right although the results decide where seeds are added.

Scatter, trend and noise are drawn from their posteriors, too, because they are uncertain. The noise of each network has
its own variance, from a scaled inverse chi-squared distribution whose scale may rise or fall with the accuracy. It is
learned from the differences between the seeds of a network alone (a cut posterior: Plummer, "Cuts in Bayesian graphical
models", 2015). Given the noise, the draws are exact, except that the scatter is on a grid.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

Values = NDArray[np.float64]

SCATTERS = np.geomspace(0.05, 80.0, 24)
"""The scatters of the means that are considered, as multiples of the deviation of one training."""
TYPICAL_SCATTER = 0.5
"""The mode of the prior of the scatter, p(r) ∝ r / (2 · 0.5² + r²)^1.5: it excludes 0, and falls as 1 / r²."""
SLOPE = 10.0
"""The prior standard deviation of a slope: deviations of one training over the range of a predictor."""
FREEDOMS = np.array([3.0, 5.0, 8.0, 13.0, 25.0, 60.0, 1e5])
"""The degrees of freedom of the networks' variances: few if their noise differs, many if it is the same."""
SCALES = np.exp(np.linspace(-3.0, 5.0, 41))
"""The scales of the variances that are considered, as multiples of the pooled variance."""
RISES = np.linspace(-3.0, 3.0, 7)
"""The rises of a variance's logarithm between the least and the most accurate network; a priori 0 ± 1."""


@dataclass(frozen=True, slots=True)
class Seeds:
    """The results of n networks: the number of seeds (n,), their mean accuracy (n,), and the sum of squared differences
    from that mean (n,). `predictors` (n, p) are what the means may depend on. Some seeds must differ."""

    counts: Values
    means: Values
    squares: Values
    predictors: Values

    @property
    def freedom(self) -> int:
        """The degrees of freedom of the pooled deviation."""
        return int((self.counts - 1).sum())

    @property
    def deviation(self) -> float:
        """The standard deviation of one training, pooled over the networks."""
        return float(np.sqrt(self.squares.sum() / self.freedom))


def drawn_means(seeds: Seeds, rng: np.random.Generator, *, draws: int, of_each: int = 1) -> Values:
    """True means (draws · of_each, n): `of_each` for each of `draws` draws of the noise."""
    unit, middle = seeds.deviation, float(seeds.means.mean())
    means, squares = (seeds.means - middle) / unit, seeds.squares / unit**2
    place = means.argsort().argsort() / max(len(means) - 1, 1) - 0.5
    variances = _drawn_variances(seeds.counts, squares, place, rng, draws)
    design = _design(seeds.predictors)
    return middle + unit * _drawn_given_noise(means, variances / seeds.counts, design, rng, of_each)


def _drawn_variances(counts: Values, squares: Values, place: Values, rng: np.random.Generator, draws: int) -> Values:
    """The variance of a training of each network (draws, n), in units of the pooled variance."""
    half, more = FREEDOMS[:, None, None, None] / 2, (counts - 1) / 2
    scales = SCALES[:, None, None] * np.exp(RISES[:, None] * place)
    constants = gammaln(half + more) - gammaln(half)
    likelihood = constants + half * np.log(half * scales) - (half + more) * np.log(half * scales + squares / 2)
    chosen = rng.choice(likelihood[..., 0].size, draws, p=_probabilities(likelihood.sum(axis=-1) - RISES**2 / 2))
    freedom, scale, rise = np.unravel_index(chosen, likelihood.shape[:-1])
    freedoms = FREEDOMS[freedom][:, None]
    spread = np.exp(np.log(SCALES[1] / SCALES[0]) * (rng.random(draws) - 0.5))
    scaled = (SCALES[scale] * spread)[:, None] * np.exp(RISES[rise][:, None] * place)
    variances: Values = (freedoms * scaled + squares) / rng.chisquare(freedoms + counts - 1)
    return variances


def _design(predictors: Values) -> Values:
    """The design (n, 1 + p): ones, and each predictor with the mean 0 and the range 1."""
    span = np.ptp(predictors, axis=0)
    scaled = (predictors - predictors.mean(axis=0)) / np.where(span > 0, span, 1.0)
    return np.column_stack([np.ones(len(predictors)), scaled])


def _drawn_given_noise(
    means: Values, variances: Values, design: Values, rng: np.random.Generator, of_each: int
) -> Values:
    """True means (draws · of_each, n), given the variances (draws, n) of the observed means (n,)."""
    draws, count = variances.shape
    width = design.shape[1]
    precisions = 1 / (variances[:, None, :] + SCATTERS[:, None] ** 2)
    flat = precisions.reshape(-1, count)
    products = (design[:, :, None] * design[:, None, :]).reshape(count, -1)
    information = (flat @ products).reshape(draws, len(SCATTERS), width, width)
    information += np.diag([0.0, *[SLOPE**-2] * (width - 1)])
    moments = (flat @ (design * means[:, None])).reshape(draws, len(SCATTERS), width, 1)
    trends = np.linalg.solve(information, moments)
    misfit = (flat @ means**2).reshape(draws, -1) - (moments * trends).sum(axis=(2, 3))
    prior = 2 * np.log(SCATTERS) - 1.5 * np.log(2 * TYPICAL_SCATTER**2 + SCATTERS**2)  # per logarithm of the scatter
    logarithms = np.log(precisions).sum(axis=2) - np.linalg.slogdet(information)[1] - misfit
    scatter = _chosen(logarithms / 2 + prior, rng, of_each)
    rows = np.arange(draws)[:, None]
    factors = np.linalg.cholesky(information[rows, scatter])
    normal = rng.standard_normal((draws, of_each, width, 1))
    trend = (trends[rows, scatter] + np.linalg.solve(factors.swapaxes(-1, -2), normal))[..., 0] @ design.T
    own, around = variances[:, None, :], SCATTERS[scatter][..., None] ** 2
    share = around / (around + own)
    true = trend + share * (means - trend) + np.sqrt(share * own) * rng.standard_normal((draws, of_each, count))
    return true.reshape(-1, count)


def _chosen(logarithms: Values, rng: np.random.Generator, of_each: int) -> NDArray[np.int64]:
    """Columns (rows, of_each), drawn for each row of unnormalised logarithms of probabilities (rows, columns)."""
    cumulated = np.exp(logarithms - logarithms.max(axis=1, keepdims=True)).cumsum(axis=1)
    levels = rng.random((len(logarithms), of_each, 1)) * cumulated[:, None, -1:]
    columns: NDArray[np.int64] = (levels > cumulated[:, None, :]).sum(axis=2)
    return columns


def _probabilities(logarithms: Values) -> Values:
    """The probabilities, as one row, of unnormalised logarithms of probabilities."""
    weights = np.exp(logarithms - logarithms.max()).ravel()
    probabilities: Values = weights / weights.sum()
    return probabilities

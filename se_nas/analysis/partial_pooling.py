"""Partial pooling: the true mean accuracies of networks that were trained on a few seeds, drawn from their posterior.

The highest of many means is usually high by chance, and a flat prior takes this luck for accuracy. Here the means come
from one distribution: a linear trend over predictors, such as the logarithm of the cost, and a normal scatter around
it (Gelman et al., "Bayesian Data Analysis", 3rd edition, 2013, chapters 5 and 15). A mean is pulled towards the trend
as far as the seeds leave it uncertain. The posterior does not depend on why a network got more seeds (chapter 8
there), so verdicts stay right although the results decide where seeds are added.

Scatter, trend and noise are drawn from their posteriors, too, because they are uncertain. If the noise rises with the
accuracy, the observed mean of a good network is often much too low. So the variance of a network depends on
the place of its true mean, not of its observed mean (`training_noise.py`). The parameters of this are fitted to the
places that are expected of the networks (regression calibration: Carroll et al., "Measurement Error in Nonlinear
Models", 2nd edition, 2006, chapter 4). Given these, a true mean is chosen from normal candidates by their likelihood
(importance resampling: Gelman et al., section 10.4).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from se_nas.analysis.training_noise import Noise, drawn_noise

Values = NDArray[np.float64]

SCATTERS = np.geomspace(0.05, 80.0, 24)
"""The scatters of the means that are considered, as multiples of the deviation of one training."""
TYPICAL_SCATTER = 0.5
"""The mode of the prior of the scatter, p(r) ∝ r / (2 · 0.5² + r²)^1.5: it excludes 0, and falls as 1 / r²."""
SLOPE = 10.0
"""The prior standard deviation of a slope: deviations of one training over the range of a predictor."""
FIRST_DRAWS, OF_EACH_FIRST = 20, 10
"""The number of draws of the noise, and of means for each of them, behind the expected places of the means."""
INNER = 0.9
"""The fraction of the true means whose places differ. The rest has the lowest or the highest place."""
CANDIDATES = 8
"""The number of candidates for a true mean."""
WIDER = 1.3
"""The standard deviation of the candidates, as a multiple of that with a known variance."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled:
    """The distributions of the true means if the variances were known: normal, with `middle` and `deviation`
    (draws, k, n). The `trend` (draws, k, n) and the `scatter` (draws, k, 1) around it are drawn."""

    middle: Values
    deviation: Values
    trend: Values
    scatter: Values


def drawn_means(seeds: Seeds, rng: np.random.Generator, *, draws: int, of_each: int = 1) -> Values:
    """True means (draws · of_each, n): `of_each` for each of `draws` draws of the noise."""
    unit, center = seeds.deviation, float(seeds.means.mean())
    means, squares, counts = (seeds.means - center) / unit, seeds.squares / unit**2, seeds.counts
    design = _design(seeds.predictors)

    def pooled(noise: Noise, place: Values, of_each: int) -> Pooled:
        variances = noise.variances(counts, squares, place, rng)
        return _pooled_given_variances(means, variances / counts, design, rng, of_each)

    unknown = np.zeros(len(means))
    first = pooled(
        drawn_noise(counts, squares, unknown, rng, draws=FIRST_DRAWS, rises=unknown[:1]), unknown, OF_EACH_FIRST
    )
    drawn = first.middle + first.deviation * rng.standard_normal(first.middle.shape)
    low, high = np.quantile(drawn, (0.5 - INNER / 2, 0.5 + INNER / 2))
    expected = _places(drawn, low, high).mean(axis=(0, 1))
    noise = drawn_noise(counts, squares, expected, rng, draws=draws)
    final = pooled(noise, expected, of_each)
    true = _resampled(
        final,
        lambda candidates: noise.log_likelihood(counts, squares, means, candidates, _places(candidates, low, high)),
        rng,
    )
    return center + unit * true


def _places(means: Values, low: float, high: float) -> Values:
    """The places of true means, from -0.5 to 0.5; `low` and `high` are the limits of the inner ones of all means."""
    places: Values = ((means - low) / (high - low) - 0.5).clip(-0.5, 0.5)
    return places


def _resampled(pooled: Pooled, log_likelihood: Callable[[Values], Values], rng: np.random.Generator) -> Values:
    """True means (draws · k, n) from candidates, by a `log_likelihood` of candidates (draws, k, n, candidates)."""
    middle, deviation, trend, scatter = (
        each[..., None].astype(np.float32)
        for each in (pooled.middle, WIDER * pooled.deviation, pooled.trend, pooled.scatter)
    )  # single precision suffices here and takes half the time
    normal = rng.standard_normal((*pooled.middle.shape, CANDIDATES), dtype=np.float32)
    candidates = middle + deviation * normal
    logarithms = log_likelihood(candidates) + (normal**2 - ((candidates - trend) / scatter) ** 2) / 2
    chosen = _chosen(logarithms.reshape(-1, CANDIDATES), rng, 1)
    true: Values = np.take_along_axis(candidates.reshape(-1, CANDIDATES), chosen, axis=1)
    return true.reshape(-1, middle.shape[2]).astype(float)


def _design(predictors: Values) -> Values:
    """The design (n, 1 + p): ones, and each predictor with the mean 0 and the range 1."""
    span = np.ptp(predictors, axis=0)
    scaled = (predictors - predictors.mean(axis=0)) / np.where(span > 0, span, 1.0)
    return np.column_stack([np.ones(len(predictors)), scaled])


def _pooled_given_variances(
    means: Values, variances: Values, design: Values, rng: np.random.Generator, of_each: int
) -> Pooled:
    """The true means, given the variances (draws, n) of the observed means (n,)."""
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
    own, around = variances[:, None, :], SCATTERS[scatter][..., None]
    share = around**2 / (around**2 + own)
    return Pooled(middle=trend + share * (means - trend), deviation=np.sqrt(share * own), trend=trend, scatter=around)


def _chosen(logarithms: Values, rng: np.random.Generator, of_each: int) -> NDArray[np.int64]:
    """Columns (rows, of_each), drawn for each row of unnormalised logarithms of probabilities (rows, columns)."""
    cumulated = np.exp(logarithms - logarithms.max(axis=1, keepdims=True)).cumsum(axis=1)
    levels = rng.random((len(logarithms), of_each, 1)) * cumulated[:, None, -1:]
    columns: NDArray[np.int64] = (levels > cumulated[:, None, :]).sum(axis=2)
    return columns

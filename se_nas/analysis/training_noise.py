"""The noise of trainings: the variance of each network, which may rise or fall with its true mean accuracy.

The variance of a network comes from a scaled inverse chi-squared distribution (Gelman et al., "Bayesian Data
Analysis", 3rd edition, 2013, section 2.6). The logarithm of its scale is linear in the place of the true mean. The
degrees of freedom, the scale and the rise are learned from the differences between the seeds of each network alone, so
that a wrong trend of the means cannot be taken for noise (a cut posterior: Plummer, "Cuts in Bayesian graphical
models", 2015).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

Values = NDArray[np.float64]

FREEDOMS = np.array([3.0, 5.0, 8.0, 13.0, 25.0, 60.0, 1e5])
"""The degrees of freedom of the networks' variances: few if their noise differs, many if it is the same."""
SCALES = np.exp(np.linspace(-3.0, 5.0, 41))
"""The scales of the variances that are considered, as multiples of the pooled variance."""
RISES = np.linspace(-6.0, 6.0, 9)
"""The rises of a variance's logarithm between the least and the most accurate network."""
TYPICAL_RISE = 2.0
"""The prior standard deviation of the rise.

A rise of 2 means a factor of e between the standard deviations of trainings of the least and the most accurate network.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Draws of what the variances of networks have in common: `freedoms`, `scales` and `rises`, each (draws, 1)."""

    freedoms: Values
    scales: Values
    rises: Values

    def scales_at(self, place: Values) -> Values:
        """The scale of the variance (draws, n) at places from -0.5 to 0.5 (n,)."""
        scales: Values = self.scales * np.exp(self.rises * place)
        return scales

    def variances(self, counts: Values, squares: Values, place: Values, rng: np.random.Generator) -> Values:
        """Draws of the networks' variances (draws, n), given their places and the differences between their seeds."""
        variances: Values = (self.freedoms * self.scales_at(place) + squares) / rng.chisquare(
            self.freedoms + counts - 1
        )
        return variances

    def log_likelihood(self, counts: Values, squares: Values, means: Values, true: Values, place: Values) -> Values:
        """The log-likelihood (draws, k, n, candidates) of the seeds of networks, without a constant.

        `true` (draws, k, n, candidates) are candidates for the true means, with their `place`. `counts`, `squares` and
        `means` (n,) are of the seeds. The variance is integrated out. The precision is that of `true`.
        """
        kind = true.dtype
        freedoms, scales, rises = (
            each[:, :, None, None].astype(kind) for each in (self.freedoms, self.scales, self.rises)
        )
        counts, squares, means = (each[:, None].astype(kind) for each in (counts, squares, means))
        rise = rises * place
        excess = (squares + counts * (means - true) ** 2) / (freedoms * scales * np.exp(rise))
        likelihood: Values = -(counts * rise + (freedoms + counts) * np.log1p(excess)) / 2
        return likelihood


def drawn_noise(
    counts: Values, squares: Values, place: Values, rng: np.random.Generator, *, draws: int, rises: Values = RISES
) -> Noise:
    """Draws of the noise, given the expected places of the networks' true means (n,), from -0.5 to 0.5.

    `counts` (n,) are the numbers of seeds, and `squares` (n,) the sums of squared differences from the mean of a
    network's seeds, in units of the pooled variance. `rises` (m,) are considered.
    """
    half, more = FREEDOMS[:, None, None, None] / 2, (counts - 1) / 2
    scales = SCALES[:, None, None] * np.exp(rises[:, None] * place)
    constants = gammaln(half + more) - gammaln(half)
    likelihood = constants + half * np.log(half * scales) - (half + more) * np.log(half * scales + squares / 2)
    logarithms = likelihood.sum(axis=-1) - (rises / TYPICAL_RISE) ** 2 / 2
    weights = np.exp(logarithms - logarithms.max()).ravel()
    chosen = rng.choice(weights.size, draws, p=weights / weights.sum())
    freedom, scale, rise = np.unravel_index(chosen, logarithms.shape)
    spread = np.exp(np.log(SCALES[1] / SCALES[0]) * (rng.random(draws) - 0.5))
    return Noise(
        freedoms=FREEDOMS[freedom][:, None], scales=(SCALES[scale] * spread)[:, None], rises=rises[rise][:, None]
    )

"""The kernel of the surrogate: how alike two networks' values are, given the features in which they differ.

A Matérn 5/2 kernel, and a linear kernel beside it, so that the effects of decisions that add up are learned from few
trials. Both weigh the features in groups, one for each decision: a decision that matters little gets a small weight
(automatic relevance determination; Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, sections
4.2 and 5.1). The numbers are those of the highest posterior density, under priors that keep few trials from deciding.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_solve, cholesky

Values = NDArray[np.float64]
Groups = NDArray[np.int64]

FITTED_ON = 128
"""Networks that the kernel is fitted on, at most."""
MOST_STEPS = 40
"""Steps of the fit, at most."""
NOISE_PRIOR = (-3.0, 2.0)
"""Mean and standard deviation of the noise's logarithm before any trial. Those of the other logarithms are 0 and 1, and
of the weights' the mean of equal weights."""
LIMITS = {"weight": (-9.0, 3.0), "variance": (-3.0, 3.0), "slope": (-5.0, 3.0), "noise": (-9.0, 1.5)}
"""The least and the greatest logarithm of each number."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """Variances are shares of all values' variance. `weights` are of the groups' squared distances (g,)."""

    variance: float
    slope: float
    noise: float
    weights: tuple[float, ...]

    @classmethod
    def fitted(
        cls,
        inputs: Values,
        targets: Values,
        variances: Values,
        groups: Groups,
        noise_prior: tuple[float, float] = NOISE_PRIOR,
    ) -> "Kernel":
        """The kernel of the highest posterior density, on at most `FITTED_ON` networks, evenly taken.

        `inputs` (n, d) have a mean squared distance of 1 in each group, `targets` (n,) are standardised, `variances`
        (n,) are those of the targets themselves, and `groups` (d,) number the group of each feature.
        """
        from scipy.optimize import minimize  # a tenth of a second, which the search need not start with

        every = max(1, -(-len(targets) // FITTED_ON))
        count = int(groups.max()) + 1
        prior = np.array([*[-math.log(count)] * count, 0.0, 0.0, noise_prior[0]])
        spread = np.array([*[1.0] * (count + 2), noise_prior[1]])
        bounds = [LIMITS["weight"]] * count + [LIMITS[name] for name in ("variance", "slope", "noise")]
        taken = inputs[::every], targets[::every], variances[::every]

        def loss(logarithms: Values) -> tuple[float, Values]:
            value, gradient = _negative_log_likelihood(logarithms, *taken, groups)
            off = (logarithms - prior) / spread
            return value + 0.5 * float(off @ off), gradient + off / spread

        start = np.append(prior[:-1], math.log(0.1))
        found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": MOST_STEPS})
        return cls.of_numbers(np.exp(found.x[[count, count + 1, count + 2, *range(count)]]).tolist())

    @classmethod
    def of_numbers(cls, numbers: Sequence[float]) -> "Kernel":
        """The kernel that has these `numbers`."""
        variance, slope, noise, *weights = numbers
        return cls(variance, slope, noise, tuple(weights))

    @property
    def numbers(self) -> tuple[float, ...]:
        """All numbers, as `of_numbers` takes them."""
        return (self.variance, self.slope, self.noise, *self.weights)

    def weighted(self, inputs: Values, groups: Groups) -> Values:
        """The inputs (n, d) times the roots of their groups' weights, as `covariance` takes them."""
        weighted: Values = inputs * np.sqrt(np.array(self.weights))[groups]
        return weighted

    def covariance(self, left: Values, right: Values) -> Values:
        """(n, m) between weighted inputs (n, d) and (m, d), without the noise."""
        products = left @ right.T
        distance = _distances(left, right, products)
        distance *= math.sqrt(5)
        covariance: Values = distance * distance
        covariance /= 3
        covariance += distance
        covariance += 1
        covariance *= np.exp(np.negative(distance, out=distance), out=distance)
        covariance *= self.variance
        products *= self.slope
        covariance += products
        return covariance

    def variances(self, inputs: Values) -> Values:
        """(n,) of weighted inputs (n, d) before any value is known, without the noise."""
        variances: Values = self.variance + self.slope * np.einsum("ij,ij->i", inputs, inputs)
        return variances


def _distances(left: Values, right: Values, products: Values) -> Values:
    """Euclidean distances (n, m) between points (n, d) and (m, d) by their scalar products. Two near points may be up
    to 1e-7 of their norms off, where a Matérn 5/2 kernel is flat."""
    squared = -2.0 * products
    squared += np.einsum("ij,ij->i", left, left)[:, None]
    squared += np.einsum("ij,ij->i", right, right)
    return np.sqrt(np.maximum(squared, 0.0, out=squared), out=squared)


def _negative_log_likelihood(
    logarithms: Values, inputs: Values, targets: Values, variances: Values, groups: Groups
) -> tuple[float, Values]:
    """Its value, but for a constant, and its gradient by the logarithms of weights (g,), variance, slope and noise.

    Rasmussen and Williams, equations 5.8 and 5.9. With M the slopes of the loss by the squared distances and z a
    feature, the sum of M_ij (z_i - z_j)² is 2 (Σ_i z_i² Σ_j M_ij - Σ_ij M_ij z_i z_j).
    """
    weights, (variance, slope, noise) = np.exp(logarithms[:-3]), np.exp(logarithms[-3:])
    points = inputs * np.sqrt(weights)[groups]
    products = points @ points.T
    distance = math.sqrt(5) * _distances(points, points, products)
    decay = variance * np.exp(-distance)
    matern = (1 + distance + distance * distance / 3) * decay
    covariance = matern + slope * products
    covariance[np.diag_indices_from(covariance)] += noise + variances
    try:
        factor = cholesky(covariance, lower=True, check_finite=False)
    except LinAlgError:
        return 1e10, np.zeros(len(logarithms))
    solved = cho_solve((factor, True), targets, check_finite=False)
    value = 0.5 * float(targets @ solved) + float(np.log(np.diag(factor)).sum())
    by_covariance = cho_solve((factor, True), np.eye(len(targets)), check_finite=False)
    by_covariance = 0.5 * (by_covariance - np.outer(solved, solved))
    by_distance = by_covariance * (-5 / 6) * (1 + distance) * decay
    linear = slope * ((by_covariance @ points) * points).sum(axis=0)
    smooth = 2 * (by_distance.sum(axis=1) @ points**2 - ((by_distance @ points) * points).sum(axis=0))
    gradient = np.bincount(groups, weights=linear + smooth, minlength=len(weights))
    of_others = (by_covariance * matern).sum(), (by_covariance * slope * products).sum(), noise * by_covariance.trace()
    return value, np.append(gradient, of_others)

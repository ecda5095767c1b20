"""The kernel of the surrogate: the covariance of two networks' values, given the networks' features.

It is the sum of a Matérn 5/2 kernel and a linear kernel. The linear kernel learns effects of decisions that add up from
few trials. Both kernels weigh the features in groups, one for each decision. A decision that matters little gets a
small weight (automatic relevance determination; Rasmussen and Williams, "Gaussian Processes for Machine Learning",
2006, sections 4.2 and 5.1). The hyperparameters maximise the posterior density. Their priors prevent that a few trials
determine them.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_solve, cholesky

Values = NDArray[np.float64]
Groups = NDArray[np.int64]

FITTED_ON = 128
"""The most networks on which the kernel is fitted."""
MOST_STEPS = 40
"""The most steps of the fit."""
NOISE_PRIOR = (-3.0, 2.0)
"""The prior mean and standard deviation of the logarithm of the noise. Variance and slope have 0 and 1. Each weight has
the logarithm of equal weights, and 1."""
LIMITS = {"weight": (-9.0, 3.0), "variance": (-3.0, 3.0), "slope": (-5.0, 3.0), "noise": (-9.0, 1.5)}
"""The least and the greatest logarithm of each hyperparameter."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel. Its variances are fractions of the variance of all values. `weights` (g,) are those of the groups."""

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
        """The kernel of the highest posterior density for at most `FITTED_ON` networks, which are taken evenly.

        `inputs` (n, d) have a mean squared distance of 1 in each group. `targets` (n,) are standardised, and
        `variances` (n,) are their own variances. `groups` (d,) is the number of each feature's group.
        """
        from scipy.optimize import minimize  # takes a tenth of a second

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
        """The kernel that has these hyperparameters."""
        variance, slope, noise, *weights = numbers
        return cls(variance, slope, noise, tuple(weights))

    @property
    def numbers(self) -> tuple[float, ...]:
        """The hyperparameters in the order of `of_numbers`."""
        return (self.variance, self.slope, self.noise, *self.weights)

    def weighted(self, inputs: Values, groups: Groups) -> Values:
        """The inputs (n, d) times the square roots of their groups' weights. `covariance` needs them in this form."""
        weighted: Values = inputs * np.sqrt(np.array(self.weights))[groups]
        return weighted

    def covariance(self, left: Values, right: Values) -> Values:
        """The covariance (n, m) between weighted inputs (n, d) and (m, d), without the noise."""
        covariance = np.empty((len(left), len(right)))
        for rows in _blocks(len(left)):
            covariance[rows] = self._block(left[rows], right)
        return covariance

    def covariance_among(self, inputs: Values) -> Values:
        """The covariance (n, n) among weighted inputs (n, d), without the noise: only its lower triangle.

        The values above the diagonal are not computed. The order in memory is that of LAPACK, which needs no copy.
        """
        upper = np.zeros((len(inputs), len(inputs)))
        for rows in _blocks(len(inputs)):
            upper[rows, rows.start :] = self._block(inputs[rows], inputs[rows.start :])
        return upper.T

    def _block(self, left: Values, right: Values) -> Values:
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
        """The prior variance (n,) at weighted inputs (n, d), without the noise."""
        variances: Values = self.variance + self.slope * np.einsum("ij,ij->i", inputs, inputs)
        return variances


BLOCK = 64
"""The rows of a covariance that are computed at a time, so that they stay in the processor's cache."""


def _blocks(rows: int) -> Iterator[slice]:
    return (slice(start, min(start + BLOCK, rows)) for start in range(0, rows, BLOCK))


def _distances(left: Values, right: Values, products: Values) -> Values:
    """Euclidean distances (n, m) between points (n, d) and (m, d), computed from their scalar products.

    The error of a small distance is up to 1e-7 of the points' norms. A Matérn 5/2 kernel is flat there.
    """
    squared = -2.0 * products
    squared += np.einsum("ij,ij->i", left, left)[:, None]
    squared += np.einsum("ij,ij->i", right, right)
    return np.sqrt(np.maximum(squared, 0.0, out=squared), out=squared)


def _negative_log_likelihood(
    logarithms: Values, inputs: Values, targets: Values, variances: Values, groups: Groups
) -> tuple[float, Values]:
    """The negative log likelihood without its constant, and its gradient with respect to `logarithms`.

    `logarithms` are those of the weights (g,), the variance, the slope and the noise. See Rasmussen and Williams,
    equations 5.8 and 5.9. Let M_ij be the derivative of the loss with respect to a squared distance, and z a feature.
    Then the sum of M_ij (z_i - z_j)² is 2 (Σ_i z_i² Σ_j M_ij - Σ_ij M_ij z_i z_j).
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

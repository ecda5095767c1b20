"""A surrogate of accuracy: what an untrained network would reach, and how sure that is."""

import math
import warnings
from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular

Values = NDArray[np.float64]

FITTED_ON = 128
"""Networks that the kernel's scales are fitted on; all networks are then learned from."""
JITTER = 1e-6
"""Variance that even the surest value has, as a share of all values' variance."""


def _distances(left: Values, right: Values) -> Values:
    """Euclidean distances (n, m) between points (n, d) and (m, d), by one matrix product. Two near points may be up to
    1e-7 of their norms off, where a Matérn 5/2 kernel is flat."""
    squared = left @ right.T
    squared *= -2.0
    squared += np.einsum("ij,ij->i", left, left)[:, None]
    squared += np.einsum("ij,ij->i", right, right)
    return np.sqrt(np.maximum(squared, 0.0, out=squared), out=squared)


@dataclass(frozen=True, slots=True)
class Kernel:
    """A Matérn 5/2 kernel and the noise of the values beside it; variances are shares of all values' variance."""

    variance: float
    length: float
    noise: float

    @classmethod
    def fitted(cls, inputs: Values, targets: Values, variances: Values) -> "Kernel":
        """That of the highest marginal likelihood, by scikit-learn, on at most `FITTED_ON` networks, evenly taken."""
        from sklearn.exceptions import ConvergenceWarning  # half a second, which the search need not start with
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

        every = max(1, -(-len(targets) // FITTED_ON))
        width = math.sqrt(inputs.shape[1])
        kernel = ConstantKernel(1.0, (0.1, 10.0)) * Matern(width, (0.2 * width, 20 * width), nu=2.5)
        kernel += WhiteKernel(0.05, (1e-4, 1.0))
        process = GaussianProcessRegressor(kernel, alpha=variances[::every])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            found = process.fit(inputs[::every], targets[::every]).kernel_
        return cls(float(found.k1.k1.constant_value), float(found.k1.k2.length_scale), float(found.k2.noise_level))

    def covariance(self, left: Values, right: Values) -> Values:
        """(n, m) between inputs (n, d) and (m, d), without the noise."""
        distance = _distances(left, right)
        distance *= math.sqrt(5) / self.length
        covariance: Values = distance * distance
        covariance /= 3
        covariance += distance
        covariance += 1
        covariance *= np.exp(np.negative(distance, out=distance), out=distance)
        covariance *= self.variance
        return covariance


class Surrogate:
    """A Gaussian process with a Matérn 5/2 kernel and a noise that is fitted with it.

    Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, algorithm 2.1 and chapter 5. Outliers
    below, such as networks that did not learn, are drawn towards the others: how bad they are is of no interest.
    """

    def __init__(
        self, features: Values, values: Values, doubt: Values, *, kernel: Kernel | None = None, outliers: bool = True
    ) -> None:
        """Learn `values` (n,) of networks with `features` (n, d); `doubt` (n,) is each value's own deviation.

        `kernel` is that of a surrogate of such networks, and saves the fit of a new one. Without `outliers` no value
        is drawn towards the others.
        """
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        if outliers and high > low:
            values = np.maximum(values, middle - 3.0 * (high - low))
        self._mean, self._scale = float(values.mean()), max(float(values.std()), 1e-6)
        spread = features.std(axis=0)
        self._shift, self._spread = features.mean(axis=0), np.where(spread > 1e-6, spread, 1.0)
        inputs, targets = self._scaled(features), (values - self._mean) / self._scale
        variances = (doubt / self._scale) ** 2 + JITTER
        self.kernel = Kernel.fitted(inputs, targets, variances) if kernel is None else kernel
        self._learn(inputs, targets, variances)

    def _learn(self, inputs: Values, targets: Values, variances: Values) -> None:
        """Condition on standardised values (n,) with variances (n,) of their own."""
        self._inputs = inputs
        covariance = self.kernel.covariance(inputs, inputs)
        covariance[np.diag_indices_from(covariance)] += self.kernel.noise + variances
        self._factor = cholesky(covariance, lower=True, overwrite_a=True, check_finite=False)
        self._weights = cho_solve((self._factor, True), targets, check_finite=False)

    def believing(self, features: Values) -> "Surrogate":
        """As if networks with `features` (n, d) had been trained and had reached what is predicted of them.

        Ginsbourger et al., "Kriging is well-suited to parallelize optimization", 2010: the kriging believer. Values
        that are what was predicted change no prediction, only its deviation, and so have the weight 0.
        """
        believed = self._scaled(features)
        between = solve_triangular(
            self._factor, self.kernel.covariance(believed, self._inputs).T, lower=True, check_finite=False
        )
        own = self.kernel.covariance(believed, believed) - between.T @ between
        own[np.diag_indices_from(own)] += self.kernel.noise + JITTER
        learned, count = len(self._inputs), len(self._inputs) + len(believed)
        believer = copy(self)
        believer._inputs = np.vstack([self._inputs, believed])
        believer._weights = np.append(self._weights, np.zeros(len(believed)))
        believer._factor = np.zeros((count, count), order="F")
        believer._factor[:learned, :learned] = self._factor
        believer._factor[learned:, :learned] = between.T
        believer._factor[learned:, learned:] = cholesky(own, lower=True, overwrite_a=True, check_finite=False)
        return believer

    def expect(self, features: Values) -> Values:
        """The mean (n,) that `predict` says, in less time."""
        covariance = self.kernel.covariance(self._scaled(features), self._inputs)
        mean: Values = self._mean + self._scale * (covariance @ self._weights)
        return mean

    def predict(self, features: Values) -> tuple[Values, Values]:
        """Mean (n,) and deviation (n,) of the accuracy that networks with `features` (n, d) would have on average."""
        covariance = self.kernel.covariance(self._scaled(features), self._inputs)
        mean = covariance @ self._weights
        explained = solve_triangular(self._factor, covariance.T, lower=True, overwrite_b=True, check_finite=False)
        variance = np.maximum(self.kernel.variance - np.einsum("ij,ij->j", explained, explained), 1e-9)
        return self._mean + self._scale * mean, self._scale * np.sqrt(variance)

    def _scaled(self, features: Values) -> Values:
        scaled: Values = (features - self._shift) / self._spread
        return scaled

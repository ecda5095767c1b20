"""A surrogate of accuracy: the predicted accuracy of a network before it trains, with its standard deviation."""

from copy import copy

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular

from se_nas.searching.surrogate.kernel import NOISE_PRIOR, Groups, Kernel

Values = NDArray[np.float64]

JITTER = 1e-6
"""The least variance of a value, as a fraction of the variance of all values."""


class Surrogate:
    """A Gaussian process whose kernel and noise are fitted (`kernel.py`).

    Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, algorithm 2.1.
    """

    def __init__(
        self,
        features: Values,
        values: Values,
        doubt: Values,
        *,
        groups: Groups | None = None,
        kernel: Kernel | None = None,
        noise_prior: tuple[float, float] = NOISE_PRIOR,
    ) -> None:
        """Learn `values` (n,) of networks with `features` (n, d). `doubt` (n,) is the standard deviation of each value.

        `groups` (d,) is the number of each feature's decision; without it, each feature is a group. With `kernel`, the
        kernel of an earlier surrogate of such networks, no kernel is fitted. Otherwise the fit uses `noise_prior`.
        """
        self._groups = np.arange(features.shape[1]) if groups is None else groups
        self._mean, self._scale = float(values.mean()), max(float(values.std()), 1e-6)
        apart = np.sqrt(np.bincount(self._groups, weights=2 * features.var(axis=0)))[self._groups]
        self._shift, self._spread = features.mean(axis=0), np.where(apart > 1e-6, apart, 1.0)
        inputs, targets = (features - self._shift) / self._spread, (values - self._mean) / self._scale
        variances = (doubt / self._scale) ** 2 + JITTER
        self.kernel = kernel or Kernel.fitted(inputs, targets, variances, self._groups, noise_prior)
        self.least = float(values.min())
        self._learn(self._scaled(features), targets, variances)

    def _learn(self, inputs: Values, targets: Values, variances: Values) -> None:
        """Condition on standardised values (n,), which have these variances (n,)."""
        self._inputs = inputs
        covariance = self.kernel.covariance(inputs, inputs)
        covariance[np.diag_indices_from(covariance)] += self.kernel.noise + variances
        self._factor = cholesky(covariance, lower=True, overwrite_a=True, check_finite=False)
        self._weights = cho_solve((self._factor, True), targets, check_finite=False)

    def believing(self, features: Values) -> "Surrogate":
        """The surrogate for the case that networks with `features` (n, d) reach their predicted accuracy.

        This is the kriging believer of Ginsbourger et al., "Kriging is well-suited to parallelize optimization", 2010.
        A value that equals its prediction changes no predicted mean, so its weight is 0. It lowers standard deviations.
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
        """The mean (n,) of `predict`, in less time."""
        covariance = self.kernel.covariance(self._scaled(features), self._inputs)
        mean: Values = self._mean + self._scale * (covariance @ self._weights)
        return mean

    def predict(self, features: Values) -> tuple[Values, Values]:
        """The mean (n,) and the standard deviation (n,) of the average accuracy of networks with `features` (n, d)."""
        scaled = self._scaled(features)
        covariance = self.kernel.covariance(scaled, self._inputs)
        mean = covariance @ self._weights
        explained = solve_triangular(self._factor, covariance.T, lower=True, overwrite_b=True, check_finite=False)
        variance = np.maximum(self.kernel.variances(scaled) - np.einsum("ij,ij->j", explained, explained), 1e-9)
        return self._mean + self._scale * mean, self._scale * np.sqrt(variance)

    def _scaled(self, features: Values) -> Values:
        return self.kernel.weighted((features - self._shift) / self._spread, self._groups)

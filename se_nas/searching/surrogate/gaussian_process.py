"""A surrogate of accuracy: the predicted accuracy of a network before it trains, with its standard deviation."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.linalg.blas import dsyrk

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

    @property
    def noise(self) -> float:
        """The standard deviation of one training's value around the mean of its network."""
        return self._scale * math.sqrt(self.kernel.noise)

    def _learn(self, inputs: Values, targets: Values, variances: Values) -> None:
        """Condition on standardised values (n,), which have these variances (n,)."""
        self._inputs = inputs
        covariance = self.kernel.covariance_among(inputs)
        covariance[np.diag_indices_from(covariance)] += self.kernel.noise + variances
        self._factor = cholesky(covariance, lower=True, overwrite_a=True, check_finite=False)
        self._weights = cho_solve((self._factor, True), targets, check_finite=False)

    def believing(self, features: Values) -> "Believer":
        """The surrogate for the case that networks with `features` (n, d) reach their predicted accuracy.

        This is the kriging believer of Ginsbourger et al., "Kriging is well-suited to parallelize optimization", 2010.
        A value that equals its prediction changes no predicted mean. It lowers standard deviations.
        """
        believed = self._scaled(features)
        covariance = self.kernel.covariance(believed, self._inputs)
        means = self._mean + self._scale * (covariance @ self._weights)
        between = self._solved(covariance)
        own = self.kernel.covariance_among(believed)
        own = dsyrk(-1.0, between, trans=1, beta=1.0, c=own, lower=1, overwrite_c=1)  # own - between.T @ between
        own[np.diag_indices_from(own)] += self.kernel.noise + JITTER
        factor = cholesky(own, lower=True, overwrite_a=True, check_finite=False)
        return Believer(learned=self, inputs=believed, means=means, between=between, factor=factor)

    def expect(self, features: Values) -> Values:
        """The mean (n,) of `predict`, in less time."""
        covariance = self.kernel.covariance(self._scaled(features), self._inputs)
        mean: Values = self._mean + self._scale * (covariance @ self._weights)
        return mean

    def predict(self, features: Values) -> tuple[Values, Values]:
        """The mean (n,) and the standard deviation (n,) of the average accuracy of networks with `features` (n, d)."""
        scaled = self._scaled(features)
        covariance = self.kernel.covariance(scaled, self._inputs)
        return self._prediction(scaled, covariance @ self._weights, self._solved(covariance))

    def _prediction(self, scaled: Values, mean: Values, *explained: Values) -> tuple[Values, Values]:
        """The prediction whose standardised mean is `mean` (n,). What is known explains the squares of the columns of
        `explained`, each (m, n)."""
        variance = self.kernel.variances(scaled)
        for part in explained:
            variance -= np.einsum("ij,ij->j", part, part)
        return self._mean + self._scale * mean, self._scale * np.sqrt(np.maximum(variance, 1e-9))

    def _solved(self, covariance: Values) -> Values:
        """The columns (m, n) that solve the factor's system for a `covariance` (n, m) with the learned networks."""
        solved: Values = solve_triangular(self._factor, covariance.T, lower=True, check_finite=False)
        return solved

    def _scaled(self, features: Values) -> Values:
        return self.kernel.weighted((features - self._shift) / self._spread, self._groups)


@dataclass(frozen=True, slots=True, kw_only=True)
class Believer:
    """A surrogate that also believes its own predictions for n networks, with their predicted `means` (n,).

    Its Cholesky factor has the blocks of `learned`, `between` (m, n) transposed, and `factor` (n, n). They are used as
    they are, because joining them would take as long as a prediction.
    """

    learned: Surrogate
    inputs: Values
    means: Values
    between: Values
    factor: Values

    def predict(self, features: Values) -> tuple[Values, Values]:
        """The mean (n,) and the standard deviation (n,) of the average accuracy of networks with `features` (n, d)."""
        learned = self.learned
        scaled = learned._scaled(features)
        covariance = learned.kernel.covariance(scaled, learned._inputs)
        explained = learned._solved(covariance)
        rest = learned.kernel.covariance(scaled, self.inputs).T - self.between.T @ explained
        more = solve_triangular(self.factor, rest, lower=True, overwrite_b=True, check_finite=False)
        return learned._prediction(scaled, covariance @ learned._weights, explained, more)

"""A surrogate of accuracy: what an untrained network would reach, and how sure that is."""

import warnings
from copy import copy

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

Values = NDArray[np.float64]

FITTED_ON = 128
"""Networks that the kernel's scales are fitted on; all networks are then learned from."""


class Surrogate:
    """A Gaussian process (scikit-learn's) with a Matérn 5/2 kernel and a noise that is fitted with it.

    Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, chapters 2 and 5. Outliers below, such as
    networks that did not learn, are drawn towards the others: how bad they are is of no interest.
    """

    def __init__(self, features: Values, values: Values, doubt: Values, *, outliers: bool = True) -> None:
        """Learn `values` (n,) of networks with `features` (n, d); `doubt` (n,) is each value's own deviation.

        Without `outliers` no value is drawn towards the others.
        """
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        if outliers and high > low:
            values = np.maximum(values, middle - 3.0 * (high - low))
        self._mean, self._scale = float(values.mean()), max(float(values.std()), 1e-6)
        spread = features.std(axis=0)
        self._shift, self._spread = features.mean(axis=0), np.where(spread > 1e-6, spread, 1.0)
        inputs, targets = self._scaled(features), (values - self._mean) / self._scale
        alpha = (doubt / self._scale) ** 2 + 1e-6
        every = max(1, -(-len(values) // FITTED_ON))
        width = np.sqrt(inputs.shape[1])
        kernel = ConstantKernel(1.0, (0.1, 10.0)) * Matern(width, (0.2 * width, 20 * width), nu=2.5)
        kernel += WhiteKernel(0.05, (1e-4, 1.0))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted = GaussianProcessRegressor(kernel, alpha=alpha[::every]).fit(inputs[::every], targets[::every])
        self._noise = float(fitted.kernel_.k2.noise_level)
        self._learned = (inputs, targets, alpha)
        self._process = GaussianProcessRegressor(fitted.kernel_, alpha=alpha, optimizer=None).fit(inputs, targets)

    def believing(self, features: Values) -> "Surrogate":
        """As if networks with `features` (n, d) had been trained and had reached what is predicted of them.

        Ginsbourger et al., "Kriging is well-suited to parallelize optimization", 2010: the kriging believer.
        """
        inputs, targets, alpha = self._learned
        believed = self._scaled(features)
        believer = copy(self)
        believer._process = GaussianProcessRegressor(
            self._process.kernel_, alpha=np.append(alpha, np.full(len(believed), 1e-6)), optimizer=None
        ).fit(np.vstack([inputs, believed]), np.append(targets, self._process.predict(believed)))
        return believer

    def predict(self, features: Values) -> tuple[Values, Values]:
        """Mean (n,) and deviation (n,) of the accuracy that networks with `features` (n, d) would have on average."""
        mean, deviation = self._process.predict(self._scaled(features), return_std=True)
        without_noise = np.sqrt(np.maximum(deviation**2 - self._noise, 1e-9))
        return self._mean + self._scale * mean, self._scale * without_noise

    def _scaled(self, features: Values) -> Values:
        scaled: Values = (features - self._shift) / self._spread
        return scaled

"""Simultaneous intervals: the quantile of the largest of several correlated t statistics.

Hothorn, Bretz and Westfall, "Simultaneous Inference in General Parametric Models", Biometrical Journal 50, 2008. The
quantile is simulated: it is narrower than Bonferroni's, because it uses the correlation of the estimates.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri, stdtrit

from se_nas.analysis.paired import CONFIDENCE

Values = NDArray[np.float64]

DRAWS = 40_000
"""With these draws, the confidence that a quantile has deviates by 0.1 % from the wanted confidence."""


def half_widths(covariance: Values, freedom: int) -> Values:
    """Half the widths (m,) of intervals that contain m true values together with 95 %.

    `covariance` (m, m) is that of the estimates. Its scale was estimated with `freedom` degrees of freedom. An estimate
    without variance has an interval without width.
    """
    deviations: Values = np.sqrt(np.diag(covariance).clip(0))
    if not deviations.any():
        return deviations
    scale = np.where(deviations > 0, deviations, 1)
    correlation = np.round(covariance / np.outer(scale, scale), 9)
    widths: Values = _quantile(correlation.tobytes(), len(covariance), freedom) * deviations
    return widths


@lru_cache(maxsize=256)
def _quantile(correlation: bytes, count: int, freedom: int) -> float:
    """The 95 % quantile of the largest of `count` t statistics. The same seed is used for each simulation.

    The scales of the t statistics are stratified, which steadies the quantile for few degrees of freedom.
    """
    if count == 1:
        return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))
    rng = np.random.default_rng(0)
    values, vectors = np.linalg.eigh(np.frombuffer(correlation).reshape(count, count))
    kept = values > 1e-9
    root = (vectors[:, kept] * np.sqrt(values[kept])).T.astype(np.float32)
    strata = (np.arange(DRAWS) + 0.5) / DRAWS
    scale = np.sqrt(chdtri(freedom, strata) / freedom)
    normal = rng.standard_normal((DRAWS, len(root)), dtype=np.float32)
    largest = np.abs(normal @ root).max(axis=1) / scale
    return float(np.quantile(largest, CONFIDENCE))

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


def half_widths(covariance: Values, freedoms: Values) -> Values:
    """Half the widths (m,) of intervals that contain m true values together with 95 %.

    `covariance` (m, m) is that of the estimates. The scale of each was estimated with its own degrees of freedom
    `freedoms` (m,), which are rounded down. An estimate without variance has an interval without width.
    """
    deviations: Values = np.sqrt(np.diag(covariance).clip(0))
    if not deviations.any():
        return deviations
    scale = np.where(deviations > 0, deviations, 1)
    correlation = np.round(covariance / np.outer(scale, scale), 9).tobytes()
    whole = np.maximum(np.floor(freedoms + 1e-9), 1).astype(int)
    quantiles = {freedom: _quantile(correlation, len(covariance), freedom) for freedom in set(whole.tolist())}
    widths: Values = np.array([quantiles[freedom] for freedom in whole.tolist()]) * deviations
    return widths


@lru_cache(maxsize=256)
def _quantile(correlation: bytes, count: int, freedom: int) -> float:
    """The 95 % quantile of the largest of `count` t statistics.

    The scales of the t statistics are stratified, which steadies the quantile for few degrees of freedom.
    """
    if count == 1:
        return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))
    strata = (np.arange(DRAWS) + 0.5) / DRAWS
    scale = np.sqrt(chdtri(freedom, strata) / freedom)
    return float(np.quantile(_largest(correlation, count) / scale, CONFIDENCE))


@lru_cache(maxsize=4)
def _largest(correlation: bytes, count: int) -> Values:
    """The largest (draws,) of `count` normal statistics. The same seed is used for each simulation."""
    values, vectors = np.linalg.eigh(np.frombuffer(correlation).reshape(count, count))
    kept = values > 1e-9
    root = (vectors[:, kept] * np.sqrt(values[kept])).T.astype(np.float32)
    normal = np.random.default_rng(0).standard_normal((DRAWS, len(root)), dtype=np.float32)
    largest: Values = np.abs(normal @ root).max(axis=1)
    return largest

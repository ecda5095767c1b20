"""Do the residuals of an experiment look as its intervals assume: normal, equally spread, and without a pattern?"""

from dataclasses import dataclass

import numpy as np

from se_nas.analysis.designed.model import Fitted

DOUBTFUL = 0.01
"""A test with a probability below this casts doubt on an assumption."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualCheck:
    """The probabilities of residuals at least as far from what the model assumes.

    `normal`: from a normal distribution (Jarque and Bera, 1980). `even`: from a spread that does not change with the
    accuracy (Breusch and Pagan, Econometrica 47, 1979). `additive`: from effects of single factors and pairs alone (an
    F test of lack of fit: Montgomery, "Design and Analysis of Experiments"); None if the model leaves out nothing.
    """

    normal: float
    even: float
    additive: float | None

    def __post_init__(self) -> None:
        if not all(0 <= each <= 1 for each in (self.normal, self.even, self.additive) if each is not None):
            raise ValueError(f"probabilities from 0 to 1 are needed, but got {self}")


def check_residuals(fitted: Fitted) -> ResidualCheck:
    """Test the residuals of a fitted model. Without any noise there is nothing to doubt."""
    from statsmodels.stats.diagnostic import het_breuschpagan  # slow to import
    from statsmodels.stats.stattools import jarque_bera

    if fitted.deviation < 1e-12:
        return ResidualCheck(normal=1.0, even=1.0, additive=None)
    centred = fitted.predicted - fitted.predicted.mean()
    spread = np.column_stack([np.ones(len(centred)), centred])
    even = float(het_breuschpagan(fitted.residuals, spread)[1]) if np.ptp(centred) > 1e-12 else 1.0
    return ResidualCheck(normal=float(jarque_bera(fitted.residuals)[1]), even=even, additive=_additive(fitted))


def _additive(fitted: Fitted) -> float | None:
    """The probability of a lack of fit at least as large as that of the model, beside one mean for each network."""
    from scipy.special import fdtrc

    names, of_name = np.unique([name for name, _ in fitted.keys], return_inverse=True)
    seeds, of_seed = np.unique([seed for _, seed in fitted.keys], return_inverse=True)
    means = np.column_stack([np.eye(len(names))[of_name], np.eye(len(seeds))[of_seed]])
    left = fitted.residuals - means @ np.linalg.lstsq(means, fitted.residuals, rcond=None)[0]
    pure = len(left) - int(np.linalg.matrix_rank(means))
    lack = fitted.freedom - pure
    error = float((left**2).sum())
    if lack < 1 or pure < 1 or error <= 0:
        return None
    excess = float((fitted.residuals**2).sum()) - error
    return float(fdtrc(lack, pure, max(excess, 0.0) / lack / (error / pure)))

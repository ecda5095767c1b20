"""The linear model of a designed experiment: seeds as blocks, main effects, two-way interactions, and single networks.

An accuracy is the sum of the effect of its seed, which all networks share, of half an effect for each factor (added if
the factor is on, subtracted if it is off), of the interactions of two factors, and of noise. Box, Hunter and Hunter,
"Statistics for Experimenters", 2nd edition, chapters 5 and 6. statsmodels fits it by least squares. The noise of each
network has its own variance, as far as they seem to differ (`variances.py`).
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from se_nas.analysis.designed.fractions import Point
from se_nas.analysis.designed.simultaneous import half_widths
from se_nas.analysis.designed.variances import NetworkVariances, moderated_variances

Values = NDArray[np.float64]
Key = tuple[str, int]

TOLERANCE = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A network of an experiment: which factors are on, and the level of each treatment that its SE has.

    `treatments` are the levels of treatments by name, e.g. the ratio. A network without SE has none. `is_own` marks a
    network that is no point of the design, such as the published placement. It has a mean of its own, which its column
    compares with the mean of all points.
    """

    point: Point
    treatments: Mapping[str, int]
    is_own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrasts:
    """The terms of a model: its columns are one for each factor, pair of factors, step of a treatment, and own network.

    `treatments` gives, for each treatment, the columns' values (levels, columns), which sum to 0 in each column.
    `own` are the names of the networks that have a mean of their own.
    """

    factors: int
    pairs: tuple[tuple[int, int], ...]
    treatments: Mapping[str, Values]
    own: tuple[str, ...]

    def row(self, name: str, cell: Cell) -> Values:
        """The values of the columns (q,) for a network."""
        signs = np.zeros(self.factors) if cell.is_own else np.where(cell.point, 0.5, -0.5)
        steps = [
            values[cell.treatments[treatment]] if treatment in cell.treatments else np.zeros(values.shape[1])
            for treatment, values in self.treatments.items()
        ]
        return np.concatenate(
            [
                signs,
                [2 * signs[first] * signs[second] for first, second in self.pairs],
                *steps,
                [float(name == own) for own in self.own],
            ]
        )

    def main_effect(self, factor: int) -> Values:
        """The difference that a factor makes, averaged over the other factors."""
        return self._unit(factor)

    def interaction(self, pair: int) -> Values:
        """The difference that both factors of a pair make together, beyond the sum of what each makes alone."""
        return 2 * self._unit(self.factors + pair)

    def treatment(self, name: str, weights: Sequence[float]) -> Values:
        """The difference that `weights` over the levels of a treatment make, among networks with SE."""
        start = self.factors + len(self.pairs)
        for other, values in self.treatments.items():
            if other == name:
                break
            start += values.shape[1]
        contrast = np.zeros(self.count)
        steps = np.asarray(weights) @ self.treatments[name]
        contrast[start : start + len(steps)] = steps
        return contrast

    @property
    def count(self) -> int:
        """The number of columns."""
        steps = sum(int(values.shape[1]) for values in self.treatments.values())
        return self.factors + len(self.pairs) + steps + len(self.own)

    @property
    def without_pairs(self) -> "Contrasts":
        """The terms without interactions."""
        return replace(self, pairs=())

    def _unit(self, index: int) -> Values:
        unit = np.zeros(self.count)
        unit[index] = 1
        return unit


def distinct_pairs(points: Sequence[Point]) -> tuple[tuple[int, int], ...]:
    """One pair of factors for each distinct interaction of two factors. Pairs that are aliased count once."""
    signs = np.where(points, 1, -1)
    seen: dict[bytes, tuple[int, int]] = {}
    for first, second in combinations(range(signs.shape[1]), 2):
        product = signs[:, first] * signs[:, second]
        seen.setdefault((product * product[0]).tobytes(), (first, second))
    return tuple(seen.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A fitted model of n trainings, `keys`. `estimates` (q + s,) are of its columns and then of its seeds.

    `weights` (q + s, n) are the weights of the trainings in the estimates, and `noise` has the variance of a training
    of each network. `deviation` is the standard deviation of the noise, pooled over the networks, and `freedom` are its
    degrees of freedom.
    """

    contrasts: Contrasts
    estimates: Values
    weights: Values
    noise: NetworkVariances
    freedom: int
    deviation: float
    known: Values
    """The projection (q + s, q + s) on what the trainings determine."""
    keys: tuple[Key, ...]
    residuals: Values
    predicted: Values

    @property
    def covariance(self) -> Values:
        """The covariance (q + s, q + s) of the estimates."""
        return self._covariance(self.weights)

    @property
    def seeds(self) -> int:
        """The number of seeds."""
        return len({seed for _, seed in self.keys})

    def differences(self, contrasts: Sequence[Values]) -> tuple[Values, Values]:
        """The estimates (m,) of contrasts between networks, and half the widths of their simultaneous intervals."""
        padded = [np.concatenate([each, np.zeros(self.seeds)]) for each in contrasts]
        return self._estimated(np.array(padded))

    def levels(self, rows: Sequence[Values]) -> tuple[Values, Values]:
        """The accuracies (m,) of networks, as a mean over these seeds, and half the widths of their simultaneous
        intervals."""
        padded = [np.concatenate([each, np.full(self.seeds, 1 / self.seeds)]) for each in rows]
        return self._estimated(np.array(padded))

    def determines(self, contrast: Values) -> bool:
        """Whether the trainings suffice to estimate a contrast between networks."""
        padded = np.concatenate([contrast, np.zeros(self.seeds)])
        return bool(np.abs(padded @ self.known - padded).max() < TOLERANCE)

    def _estimated(self, contrasts: Values) -> tuple[Values, Values]:
        weights = contrasts @ self.weights
        return contrasts @ self.estimates, half_widths(self._covariance(weights), self._freedoms(weights))

    def _covariance(self, weights: Values) -> Values:
        covariance: Values = (weights * (_by_network(self.keys) @ self.noise.variances)) @ weights.T
        return covariance

    def _freedoms(self, weights: Values) -> Values:
        """The degrees of freedom (m,) of the variances of estimates with these weights (Satterthwaite, Biometrics
        Bulletin 2, 1946), at most those of the noise."""
        parts = (weights**2 @ _by_network(self.keys)) * self.noise.variances
        doubt = (parts**2 / self.noise.freedoms).sum(axis=1)
        whole = parts.sum(axis=1) ** 2
        freedoms: Values = np.where(doubt * self.freedom > whole, whole / np.where(doubt > 0, doubt, 1), self.freedom)
        return freedoms


def fit(outcomes: Mapping[Key, float], cells: Mapping[str, Cell], contrasts: Contrasts) -> Fitted:
    """Fit the model to the accuracies by network and seed. ValueError if they leave no degree of freedom."""
    from statsmodels.regression.linear_model import OLS  # slow to import
    from statsmodels.tools.sm_exceptions import SingularMatrixWarning

    keys = _paired(outcomes)
    seeds = sorted({seed for _, seed in keys})
    rows = {name: contrasts.row(name, cell) for name, cell in cells.items()}
    blocks = np.eye(len(seeds))
    if not keys:
        raise ValueError("no two trainings have the same seed")
    design = np.array([np.concatenate([rows[name], blocks[seeds.index(seed)]]) for name, seed in keys])
    if len(keys) <= np.linalg.matrix_rank(design):
        raise ValueError(f"{len(keys)} trainings leave no degree of freedom for the noise")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SingularMatrixWarning)  # `determines` says what is not determined
        found = OLS(np.array([outcomes[key] for key in keys]), design).fit()
    weights = np.linalg.pinv(design)
    own = _by_network(keys)
    left = 1 - (design * weights.T).sum(axis=1)
    return Fitted(
        contrasts=contrasts,
        estimates=found.params,
        weights=weights,
        noise=moderated_variances(found.resid**2 @ own, left @ own),
        freedom=round(found.df_resid),
        deviation=float(np.sqrt(found.scale)),
        known=weights @ design,
        keys=tuple(keys),
        residuals=found.resid,
        predicted=found.fittedvalues,
    )


def _paired(outcomes: Mapping[Key, float]) -> list[Key]:
    """The trainings whose seed another network has too. A seed with one training says nothing about differences."""
    counts: dict[int, int] = {}
    for _, seed in outcomes:
        counts[seed] = counts.get(seed, 0) + 1
    return sorted(key for key in outcomes if counts[key[1]] > 1)


def _by_network(keys: Sequence[Key]) -> Values:
    """Whether each training is of each network (n, networks): 1 or 0. Networks are in the order of their appearance."""
    numbers = {name: number for number, name in enumerate(dict.fromkeys(name for name, _ in keys))}
    indicator: Values = np.eye(len(numbers))[[numbers[name] for name, _ in keys]]
    return indicator

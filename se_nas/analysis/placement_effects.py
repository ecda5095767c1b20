"""The effects of switches on the accuracy that a supernet gives to placements: main effects and interactions of two.

All placements are read from the same weights, so the effects have no noise of trainings, and no interval either. They
say what the supernet believes, not what trained networks reach.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionEffect:
    """The accuracy that an option of a switch adds over the first option, as a mean over the other switches."""

    switch: int
    option: int
    gain: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PairEffect:
    """The accuracy that two switches add if both are above their first option, beyond what each adds alone."""

    first: int
    second: int
    gain: float


def option_effects(placements: Sequence[Sequence[int]], accuracies: Sequence[float]) -> list[OptionEffect]:
    """The effect of each option that these placements identify, by least squares with main effects alone.

    An effect is identified if it is the same in every solution: its row of pinv(X) X is a row of the identity.

    >>> [round(each.gain, 6) for each in option_effects([(0, 0), (0, 1), (1, 0), (1, 1)], [0.5, 0.6, 0.4, 0.5])]
    [-0.1, 0.1]
    """
    options = np.array(placements)
    terms = [
        (switch, option)
        for switch in range(options.shape[1])
        for option in sorted(set(options[:, switch].tolist()))
        if option
    ]
    columns = [options[:, switch] == option for switch, option in terms]
    fitted, identified = _fit(columns, accuracies), _identified(columns, len(options))
    return [
        OptionEffect(switch=switch, option=option, gain=float(gain))
        for (switch, option), gain, is_known in zip(terms, fitted, identified, strict=True)
        if is_known
    ]


def pair_effects(placements: Sequence[Sequence[int]], accuracies: Sequence[float]) -> list[PairEffect]:
    """The interaction of each pair of switches; none if the placements are too few to know all of them.

    The first option of a switch is no SE, or its narrowest SE if the switch cannot be off.

    >>> [round(each.gain, 6) for each in pair_effects([(0, 0), (0, 1), (1, 0), (1, 1)], [0.5, 0.6, 0.4, 0.55])]
    [0.05]
    """
    options = np.array(placements)
    is_above = np.where(options > 0, 0.5, -0.5)
    pairs = list(combinations(range(options.shape[1]), 2))
    terms = [
        options[:, switch] == option
        for switch in range(options.shape[1])
        for option in sorted(set(options[:, switch].tolist()))
        if option
    ]
    columns = [*(is_above[:, first] * is_above[:, second] for first, second in pairs), *terms]
    if not pairs or np.linalg.matrix_rank(np.column_stack([np.ones(len(options)), *columns])) <= len(columns):
        return []
    fitted = _fit(columns, accuracies)
    return [
        PairEffect(first=first, second=second, gain=float(gain))
        for (first, second), gain in zip(pairs, fitted, strict=False)
    ]


def _identified(columns: Sequence[Values], count: int) -> list[bool]:
    """Whether each column's coefficient is the same in every least-squares solution, beside a constant."""
    design = np.column_stack([np.ones(count), *columns]).astype(float)
    resolved = np.diag(np.linalg.pinv(design) @ design)[1:]
    return [bool(each) for each in resolved > 1 - 1e-6]


def _fit(columns: Sequence[Values], accuracies: Sequence[float]) -> Values:
    """The coefficients of the columns, beside a constant."""
    design = np.column_stack([np.ones(len(accuracies)), *columns]).astype(float)
    found: Values = np.linalg.lstsq(design, np.array(accuracies), rcond=None)[0]
    return found[1:]

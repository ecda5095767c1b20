"""The effect of each decision: how far networks with one of its values are above other networks of equal cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from se_nas.analysis.bootstrap import bootstrapped
from se_nas.analysis.equal_cost import (
    Factor,
    Values,
    above_equal_cost,
    accuracies,
    comparable_observations,
    cost_design,
    factors_of,
)
from se_nas.searching.records import TrialRecord
from se_nas.space.attention.tokens import NONE
from se_nas.space.decisions import Decision, Role
from se_nas.wording import format_value

LEAST_IN_A_GROUP = 3
MOST_GROUPS = 5
"""The values of a numeric decision with more distinct values than this are grouped by size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marginal:
    """The effect of one value of a decision, whose name is `factor`.

    `mean` says how far the networks with this value are above the average network of equal cost, as a fraction. `low`
    and `high` are its 95 % interval, and `count` is the number of these networks.
    """

    factor: str
    role: Role
    value: str
    mean: float
    low: float
    high: float
    count: int

    @property
    def is_of_se(self) -> bool:
        """Whether the decision is about the place or width of SE. Otherwise it is about the trunk."""
        return self.role is Role.ATTENTION

    @property
    def is_sure(self) -> bool:
        """Whether zero is outside the interval."""
        return self.low > 0 or self.high < 0


def marginals(
    records: Sequence[TrialRecord], costs: Sequence[str], decisions: Mapping[str, Decision]
) -> list[Marginal]:
    """The effects of SE in each stage and of every other decision; empty if there are too few networks.

    Accuracy is compared at equal cost: a quadratic fit in the logarithm of each cost is subtracted. Intervals are
    bootstraps over the networks (`bootstrap`), and each resample repeats the fit.
    """
    observations = comparable_observations(records, costs)
    if not observations:
        return []
    accuracy, design = accuracies(observations), cost_design(observations, costs)
    groups = _groups(factors_of(observations, decisions))
    if not groups:
        return []
    members = np.array([member for _, _, member in groups], dtype=float)

    def means(chosen: NDArray[np.int64]) -> Values:
        """The mean residual of each group (g,) over the chosen networks; NaN for an empty group."""
        residuals = above_equal_cost(accuracy[chosen], design[chosen])
        counts = members[:, chosen].sum(axis=1)
        with np.errstate(invalid="ignore"):
            found: Values = members[:, chosen] @ residuals / np.where(counts > 0, counts, np.nan)
        return found

    low, high = bootstrapped(means, len(observations), behind=members.sum(axis=1).astype(int))
    found = means(np.arange(len(observations)))
    return [
        Marginal(
            factor=factor.name,
            role=factor.role,
            value=value,
            mean=float(found[index]),
            low=float(low[index]),
            high=float(high[index]),
            count=int(member.sum()),
        )
        for index, (factor, value, member) in enumerate(groups)
    ]


def _groups(factors: Sequence[Factor]) -> list[tuple[Factor, str, NDArray[np.bool_]]]:
    """(decision, value, networks with this value (n,)) for decisions of which two values have enough networks."""
    groups = []
    for factor in factors:
        split = _split(factor.values)
        own = [(factor, label, member) for label, member in split.items() if member.sum() >= LEAST_IN_A_GROUP]
        groups += own if len(own) > 1 else []
    return groups


def _split(values: Sequence[object]) -> Mapping[str, NDArray[np.bool_]]:
    """The networks (n,) with each value. Many distinct numbers are put into groups of equal size."""
    distinct = sorted(set(values), key=lambda value: (isinstance(value, str), value != NONE, value))
    if len(distinct) <= MOST_GROUPS or any(isinstance(value, str) for value in distinct):
        return {format_value(value): np.array([other == value for other in values]) for value in distinct}
    numbers = np.array(values, dtype=float)
    edges = np.unique(np.quantile(numbers, np.linspace(0, 1, MOST_GROUPS)))
    split = {}
    for low, high in pairwise(edges):
        member = (numbers >= low) & ((numbers < high) | (high == edges[-1]))
        if member.any():
            split[f"{numbers[member].min():.4g} to {numbers[member].max():.4g}"] = member
    return split

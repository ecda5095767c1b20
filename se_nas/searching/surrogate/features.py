"""Features: the numbers by which a model compares networks, known before training."""

import math
from collections.abc import Iterable, Mapping
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from se_nas.costs import known_before_training
from se_nas.searching.candidates import Values
from se_nas.searching.records import TrialRecord
from se_nas.space.decisions import Assignment, Categorical, Decision


def features_of(decisions: Mapping[str, Decision], assignment: Assignment, cost: Mapping[str, float]) -> Values:
    """The features (d,) of a network: the value of each decision, then the logarithms of the counted costs by name.

    A choice without an order is encoded one-hot. Measured costs are left out, because training comes first.
    """
    features: list[float] = []
    for name, decision in decisions.items():
        value = assignment[name]
        if _side_by_side(decision):
            features += [float(value == choice) for choice in decision.choices]
        else:
            features.append(float(value))
    features += [math.log(max(value, 1e-12)) for _, value in sorted(known_before_training(cost).items())]
    return np.array(features)


def groups_of(decisions: Mapping[str, Decision], width: int) -> NDArray[np.int64]:
    """The number (width,) of each feature's decision, in the order of `features_of`. Each cost has its own number."""
    widths = [len(decision.choices) if _side_by_side(decision) else 1 for decision in decisions.values()]
    return np.repeat(np.arange(len(widths) + width - sum(widths)), [*widths, *[1] * (width - sum(widths))])


def _side_by_side(decision: Decision) -> TypeGuard[Categorical]:
    return isinstance(decision, Categorical) and any(isinstance(choice, str) for choice in decision.choices)


class FeatureRows:
    """The features of trials by number. The features of a trial are computed once."""

    def __init__(self, decisions: Mapping[str, Decision]) -> None:
        self._decisions = dict(decisions)
        self._rows = np.empty((0, 0))  # NaN until a row is needed

    def of(self, records: Iterable[TrialRecord]) -> Values:
        """The features (n, d) of these trials."""
        chosen = list(records)
        numbers = np.array([record.number for record in chosen])
        if (more := int(numbers.max()) + 1 - len(self._rows)) > 0:
            width = len(features_of(self._decisions, chosen[0].assignment, chosen[0].cost))
            rows = np.full((len(self._rows) + max(more, len(self._rows), 16), width), math.nan)
            if len(self._rows):
                rows[: len(self._rows)] = self._rows
            self._rows = rows
        for index in np.flatnonzero(np.isnan(self._rows[numbers, 0])).tolist():
            record = chosen[index]
            self._rows[record.number] = features_of(self._decisions, record.assignment, record.cost)
        found: Values = self._rows[numbers]
        return found

    def groups(self, features: Values) -> NDArray[np.int64]:
        """The number (d,) of the decision to which each of the `features` (n, d) belongs."""
        return groups_of(self._decisions, features.shape[1])

    def forget(self, number: int) -> None:
        """Compute the features of this trial again when they are next needed."""
        self._rows[number : number + 1] = math.nan

"""Observations of accuracy. A complete trial gives the accuracy that it reached, a pruned trial its forecast."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import moocore
import numpy as np
from numpy.typing import NDArray

from se_nas.costs import COSTS
from se_nas.searching.curves import Curves
from se_nas.searching.failures import FailureKind
from se_nas.searching.objectives import Objectives
from se_nas.searching.records import TrialRecord, TrialStatus
from se_nas.searching.stop.rung_value import Arrivals, Values, forecast

CONFIDENCE = 0.8
NORMAL_QUANTILE = 1.2816
"""Half the width of a normal interval of that confidence, in standard deviations."""
MOST_OBSERVATIONS = 256
"""The most observations that a model learns from, because its time grows with their number cubed."""


_STATUSES = tuple(TrialStatus)


@dataclass(frozen=True, slots=True)
class Observation:
    """An accuracy and its uncertainty (a standard deviation)."""

    record: TrialRecord
    accuracy: float
    doubt: float


def observations_of(records: Iterable[TrialRecord]) -> list[Observation]:
    """The observations of all trials, complete trials first. Pruned trials count as soon as three are complete."""
    return History.of(records).observations()


def most_informative(observations: Sequence[Observation], objectives: Objectives) -> list[Observation]:
    """At most `MOST_OBSERVATIONS` observations: one half nearest to the front by rank, the others evenly spread."""
    if len(observations) <= MOST_OBSERVATIONS:
        return list(observations)
    losses = [
        [-observation.accuracy, *(observation.record.cost[name] for name in objectives.costs)]
        for observation in observations
    ]
    return [observations[index] for index in _most_informative(np.array(losses, float))]


def _most_informative(losses: NDArray[np.float64]) -> NDArray[np.int64]:
    """The indices of at most `MOST_OBSERVATIONS` rows of these losses (n, m)."""
    if len(losses) <= MOST_OBSERVATIONS:
        return np.arange(len(losses))
    order = np.argsort(moocore.pareto_rank(losses), kind="stable")
    near, far = order[: MOST_OBSERVATIONS // 2], np.sort(order[MOST_OBSERVATIONS // 2 :])
    evenly = far[np.linspace(0, len(far) - 1, MOST_OBSERVATIONS - len(near)).round().astype(int)]
    return np.sort(np.concatenate([near, evenly]))


class History:
    """The records that a strategy has received, also as arrays, so that a proposal need not loop over all records."""

    def __init__(self) -> None:
        self.records: dict[int, TrialRecord] = {}
        self._curves = Curves(list(COSTS))
        self._states = np.full(16, -1)  # index in `_STATUSES`; -1 for an unknown number
        self._lengths = np.zeros(16, dtype=np.int64)  # lengths of the curves
        self._last = np.zeros(16)  # the curves' last accuracies

    @classmethod
    def of(cls, records: Iterable[TrialRecord]) -> "History":
        """Make the history of these records."""
        history = cls()
        for record in records:
            history.tell(record)
        return history

    def tell(self, record: TrialRecord) -> None:
        """Add a record. It replaces an earlier record of the same number.

        A trial that failed through the fault of its machine counts as pruned before its first epoch. It teaches
        neither that its network is bad nor that networks like it fail.
        """
        if record.failure is not None and record.failure.kind is FailureKind.PLACE:
            record = replace(record, status=TrialStatus.PRUNED, curve=(), failure=None)
        number = record.number
        self.records[number] = record
        while number >= len(self._states):
            self._states = np.concatenate([self._states, np.full_like(self._states, -1)])
            self._lengths = np.concatenate([self._lengths, np.zeros_like(self._lengths)])
            self._last = np.concatenate([self._last, np.zeros_like(self._last)])
        self._states[number], self._lengths[number] = _STATUSES.index(record.status), len(record.curve)
        self._last[number] = record.curve[-1] if record.curve else 0.0
        self._curves.begin(number, record.cost)
        if record.status is not TrialStatus.RUNNING:
            self._curves.end(number, record.curve, record.cost, failed=record.status is TrialStatus.FAILED)

    def numbers(self, *statuses: TrialStatus) -> NDArray[np.int64]:
        """The numbers of the trials that have one of these statuses (n,), ascending."""
        wanted = np.zeros(len(_STATUSES) + 1, dtype=bool)
        wanted[[_STATUSES.index(status) for status in statuses]] = True
        return np.flatnonzero(wanted[self._states])

    @property
    def ended(self) -> int:
        """The number of trials that are no longer in training."""
        return len(self.records) - len(self.numbers(TrialStatus.RUNNING))

    @property
    def running(self) -> list[TrialRecord]:
        """The records of the trials in training, by number."""
        return [self.records[number] for number in self.numbers(TrialStatus.RUNNING).tolist()]

    def observations(self) -> list[Observation]:
        """The observations of all trials."""
        numbers, accuracies, doubts = self._taught()
        each = zip(numbers.tolist(), accuracies.tolist(), doubts.tolist(), strict=True)
        return [Observation(self.records[number], accuracy, doubt) for number, accuracy, doubt in each]

    def informative_observations(self, objectives: Objectives) -> list[Observation]:
        """The observations that `most_informative` selects for a model."""
        numbers, accuracies, doubts = self._taught()
        if len(numbers) > MOST_OBSERVATIONS:
            losses = np.column_stack([-accuracies, self._curves.costs(objectives.costs)[numbers]])
            chosen = _most_informative(losses)
            numbers, accuracies, doubts = numbers[chosen], accuracies[chosen], doubts[chosen]
        each = zip(numbers.tolist(), accuracies.tolist(), doubts.tolist(), strict=True)
        return [Observation(self.records[number], accuracy, doubt) for number, accuracy, doubt in each]

    def _taught(self) -> tuple[NDArray[np.int64], Values, Values]:
        """The trial number, accuracy and uncertainty of each observation (n,)."""
        complete = self.numbers(TrialStatus.COMPLETE)
        finals = self._last[complete]
        numbers, accuracies, doubts = [complete], [finals], [np.zeros(len(complete))]
        if len(complete) >= 3:
            stopped = self.numbers(TrialStatus.PRUNED)
            stopped = stopped[self._lengths[stopped] > 0]
            for epoch in np.unique(self._lengths[stopped]).tolist():
                there = stopped[self._lengths[stopped] == epoch]
                reached = self._curves.accuracy_at(epoch)[np.concatenate([there, complete])]
                final = np.concatenate([np.full(len(there), np.nan), finals])
                expected, half = forecast(Arrivals(reached, final, np.zeros((len(reached), 1))), confidence=CONFIDENCE)
                numbers.append(there)
                accuracies.append(np.clip(expected, 0.0, 1.0)[: len(there)])
                doubts.append((half / NORMAL_QUANTILE)[: len(there)])
        return np.concatenate(numbers), np.concatenate(accuracies), np.concatenate(doubts)

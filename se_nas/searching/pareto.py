"""The Pareto front of the fully trained networks, its hypervolume and its knee. moocore does the mathematics.

While a search goes on, networks count with the accuracy that was observed. Afterwards they count with what is expected
of them (`posterior.py`), since the networks with the highest of many single trainings were also the luckiest.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice, takewhile

import moocore
import numpy as np
from numpy.typing import NDArray

from se_nas.searching.expectation import Expectation
from se_nas.searching.objectives import Objectives
from se_nas.searching.records import TrialRecord, TrialStatus


@dataclass(frozen=True, slots=True)
class ParetoFront:
    """The complete trials that no other complete trial dominates, cheapest first.

    `expected` is what each trial counts with, by number; a trial that is not there counts with what was observed.
    """

    members: tuple[TrialRecord, ...]
    objectives: Objectives
    expected: Mapping[int, Expectation] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        records: Iterable[TrialRecord],
        objectives: Objectives,
        expected: Mapping[int, Expectation] | None = None,
    ) -> "ParetoFront":
        """Make the front of the complete trials. Among trials with equal values, only the first becomes a member."""
        expected = expected or {}
        complete = sorted(
            (record for record in records if record.status is TrialStatus.COMPLETE),
            key=lambda record: record.number,
        )
        if not complete:
            return cls((), objectives, expected)
        keep = moocore.is_nondominated(losses_of(complete, objectives, expected))
        members = [record for record, kept in zip(complete, keep, strict=True) if kept]
        return cls(tuple(sorted(members, key=lambda member: _cost_order(member, objectives))), objectives, expected)

    def joined_by(self, record: TrialRecord) -> "ParetoFront":
        """The front after one more trial, which is not a member yet; the same object if the front does not change."""
        if record.status is not TrialStatus.COMPLETE:
            return self
        front = ParetoFront.of([*self.members, record], self.objectives, self.expected)
        return self if front.members == self.members else front

    def accuracy(self, record: TrialRecord) -> float:
        """The accuracy with which a complete trial counts here."""
        return _accuracy(record, self.expected)

    def __len__(self) -> int:
        return len(self.members)

    def hypervolume(self, reference: Sequence[float]) -> float:
        """The volume between the front and `reference` (objective values, accuracy first); 0 for an empty front."""
        if not self.members:
            return 0.0
        ref = np.array(reference, float)
        ref[0] = -ref[0]
        return float(moocore.hypervolume(losses_of(self.members, self.objectives, self.expected), ref=ref))

    def best_of_equal_cost(self) -> dict[int, TrialRecord]:
        """The most accurate member of each member's group, by number.

        A group begins with the cheapest member that is in no group yet, and holds the others whose costs are each
        within the fraction `objectives.equal_cost` of its costs.
        """
        named: dict[int, TrialRecord] = {}
        costs, within = self.objectives.costs, self.objectives.equal_cost
        for place, first in enumerate(self.members):
            if first.number not in named:
                costs_as_much = partial(_costs_as_much, first, within=within)
                near = takewhile(partial(costs_as_much, costs[:1]), islice(self.members, place, None))
                group = [one for one in near if one.number not in named and costs_as_much(costs, one)]
                named |= dict.fromkeys((one.number for one in group), max(group, key=self.accuracy))
        return named

    @property
    def best(self) -> TrialRecord:
        """The most accurate member."""
        return max(self.members, key=self.accuracy)

    @property
    def cheapest(self) -> TrialRecord:
        """The member with the lowest first cost."""
        return self.members[0]

    @property
    def knee(self) -> TrialRecord:
        """The member with the most gain over all objectives.

        For two objectives, it is the member that is farthest from the line through the extremes: Das, "On
        characterizing the 'knee' of the Pareto curve", Structural Optimization 18 (1999). Objectives are scaled to the
        front's range, costs logarithmically. On a straight front, the more accurate member is the knee. Among members
        of practically equal cost, it is the most accurate one.
        """
        losses = losses_of(self.members, self.objectives, self.expected)
        losses[:, 1:] = np.log(np.maximum(losses[:, 1:], 1e-12))
        span = np.ptp(losses, axis=0)
        scaled = (losses - losses.min(axis=0)) / np.where(span > 0, span, 1.0)
        order = np.lexsort((losses[:, 0], scaled.sum(axis=1).round(12)))
        return self.best_of_equal_cost()[self.members[int(order[0])].number]


ROLES: dict[str, Callable[[ParetoFront], TrialRecord]] = {
    "knee": lambda front: front.knee,
    "best": lambda front: front.best,
    "cheapest": lambda front: front.cheapest,
}
"""The members of a front that users pick by name."""


def losses_of(
    records: Sequence[TrialRecord], objectives: Objectives, expected: Mapping[int, Expectation]
) -> NDArray[np.float64]:
    """The objective values (n, m), with signs such that all are minimised."""
    losses = np.array([record.values(objectives.names) for record in records], float)
    losses[:, 0] = [-_accuracy(record, expected) for record in records]
    return losses


def _costs_as_much(first: TrialRecord, costs: Sequence[str], one: TrialRecord, *, within: float) -> bool:
    return all(abs(one.cost[name] - first.cost[name]) <= within * first.cost[name] for name in costs)


def _accuracy(record: TrialRecord, expected: Mapping[int, Expectation]) -> float:
    return expected[record.number].mean if record.number in expected else record.values(("accuracy",))[0]


def _cost_order(record: TrialRecord, objectives: Objectives) -> tuple[float, ...]:
    return (*(float(record.cost[name]) for name in objectives.costs), record.number)

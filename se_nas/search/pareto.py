"""The Pareto front of the fully trained networks, its hypervolume and its knee. moocore does the mathematics."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import moocore
import numpy as np
from numpy.typing import NDArray

from se_nas.search.objectives import Objectives
from se_nas.search.records import TrialRecord, TrialStatus


@dataclass(frozen=True, slots=True)
class ParetoFront:
    """The complete trials that no other complete trial dominates, cheapest first."""

    members: tuple[TrialRecord, ...]
    objectives: Objectives

    @classmethod
    def of(cls, records: Iterable[TrialRecord], objectives: Objectives) -> "ParetoFront":
        """The front of the complete trials; of trials with equal values the first one stands for all."""
        complete = sorted(
            (record for record in records if record.status is TrialStatus.COMPLETE),
            key=lambda record: record.number,
        )
        if not complete:
            return cls((), objectives)
        keep = moocore.is_nondominated(_losses(complete, objectives))
        members = [record for record, kept in zip(complete, keep, strict=True) if kept]
        return cls(tuple(sorted(members, key=lambda member: _cost_order(member, objectives))), objectives)

    def joined_by(self, record: TrialRecord) -> "ParetoFront":
        """The front after one more trial, which is not a member yet; the same object if the front does not change."""
        if record.status is not TrialStatus.COMPLETE:
            return self
        front = ParetoFront.of([*self.members, record], self.objectives)
        return self if front.members == self.members else front

    def __len__(self) -> int:
        return len(self.members)

    def hypervolume(self, reference: Sequence[float]) -> float:
        """Volume between the front and `reference` (objective values, accuracy first); 0 for an empty front."""
        if not self.members:
            return 0.0
        ref = np.array(reference, float)
        ref[0] = -ref[0]
        return float(moocore.hypervolume(_losses(self.members, self.objectives), ref=ref))

    @property
    def best(self) -> TrialRecord:
        """The most accurate member."""
        return max(self.members, key=lambda member: member.values(("accuracy",)))

    @property
    def cheapest(self) -> TrialRecord:
        """The member of the lowest first cost."""
        return self.members[0]

    @property
    def knee(self) -> TrialRecord:
        """The member with the most gain over all objectives: on two, the farthest from the line through the extremes.

        Das, "On characterizing the 'knee' of the Pareto curve", Structural Optimization 18 (1999), for objectives
        scaled to the front's range, costs logarithmically. On a straight front the more accurate member wins.
        """
        losses = _losses(self.members, self.objectives)
        losses[:, 1:] = np.log(np.maximum(losses[:, 1:], 1e-12))
        span = np.ptp(losses, axis=0)
        scaled = (losses - losses.min(axis=0)) / np.where(span > 0, span, 1.0)
        order = np.lexsort((losses[:, 0], scaled.sum(axis=1).round(12)))
        return self.members[int(order[0])]


def _losses(records: Sequence[TrialRecord], objectives: Objectives) -> NDArray[np.float64]:
    """(n, m) objective values, all to be minimised."""
    losses = np.array([record.values(objectives.names) for record in records], float)
    losses[:, 0] *= -1
    return losses


def _cost_order(record: TrialRecord, objectives: Objectives) -> tuple[float, ...]:
    return (*(float(record.cost[name]) for name in objectives.costs), record.number)

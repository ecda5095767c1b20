"""TrialRecord: everything that is known of one trial. Strategies learn from it; trackers and tables show it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from se_nas.space.decisions import Value


class TrialStatus(StrEnum):
    """The status of a trial. Only a fully trained network is complete; a stopped trial is pruned."""

    RUNNING = "running"
    COMPLETE = "complete"
    PRUNED = "pruned"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """An assignment to try. `memo` has JSON values that the strategy stores in the record for itself."""

    assignment: Mapping[str, Value]
    memo: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """One trial. `curve` is the validation accuracy after each epoch.

    `cost` has the counted costs by name and, after their measurement, the measured ones (`se_nas.costs`).
    """

    number: int
    status: TrialStatus
    assignment: Mapping[str, Value]
    fingerprint: str
    se: tuple[str, ...]
    cost: Mapping[str, float]
    memo: Mapping[str, Any] = field(default_factory=dict)
    curve: tuple[float, ...] = ()
    seconds: float = 0.0
    reason: str = ""

    @property
    def accuracy(self) -> float | None:
        """The final accuracy of a fully trained network; None for every other trial."""
        return self.curve[-1] if self.status is TrialStatus.COMPLETE else None

    def values(self, names: tuple[str, ...]) -> tuple[float, ...]:
        """The objectives of a complete trial, in the order of `names`."""
        if self.accuracy is None:
            raise ValueError(f"trial {self.number} is {self.status}, not complete: it has no objective values")
        return tuple(self.accuracy if name == "accuracy" else float(self.cost[name]) for name in names)

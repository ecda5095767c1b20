"""TrialRecord: everything that is known of one trial. Strategies learn from it; trackers and tables show it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from se_nas.objective_metric import ACCURACY, METRIC_NAMES
from se_nas.searching.failures import Failure
from se_nas.space.decisions import IMAGE_SIZE, Value


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


Metrics = Mapping[str, float | None]
"""Numbers of a training by name, which only people read; None if the device does not have them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """One trial. `curve` is the validation accuracy after each epoch, or the objective metric in its place.

    `cost` has the counted costs by name and, after their measurement, the measured ones (`se_nas.costs`).
    `reason` says in one line why a trial was pruned or failed, and `failure` says it of a failed trial as a type.
    `metrics` are those after the last epoch. No result depends on them, and records are compared without them.
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
    failure: Failure | None = None
    metrics: Metrics = field(default_factory=dict, compare=False)

    @property
    def known_metrics(self) -> dict[str, float]:
        """The metrics that have a value."""
        return {name: value for name, value in self.metrics.items() if value is not None}

    @property
    def accuracy(self) -> float | None:
        """The final accuracy of a fully trained network, or the objective metric in its place; None for every other
        trial."""
        return self.curve[-1] if self.status is TrialStatus.COMPLETE else None

    @property
    def plain_accuracy(self) -> float | None:
        """The final accuracy of a fully trained network, also if another metric scores the trials."""
        return None if self.accuracy is None else self.known_metrics.get(ACCURACY.value, self.accuracy)

    def values(self, names: tuple[str, ...]) -> tuple[float, ...]:
        """The objectives of a complete trial, in the order of `names`."""
        if self.accuracy is None:
            raise ValueError(f"trial {self.number} is {self.status}, not complete: it has no objective values")
        return tuple(self.accuracy if name in METRIC_NAMES else float(self.cost[name]) for name in names)


def decided_image_sizes(records: Iterable[TrialRecord]) -> dict[int, str]:
    """The sides of the images in pixels, by trial; empty if the space leaves no choice of the image size."""
    return {record.number: str(record.assignment[IMAGE_SIZE]) for record in records if IMAGE_SIZE in record.assignment}


def names_in(parts: Iterable[Iterable[str]]) -> list[str]:
    """The names in parts of records, such as their costs or metrics, each once, in the order of their appearance.

    >>> names_in([{"flops": 100}, {"flops": 200, "params": 20}])
    ['flops', 'params']
    """
    return list(dict.fromkeys(name for part in parts for name in part))


def metrics_in(content: object) -> Metrics:
    """The metrics in the content of a file. A value that is not a number is left out.

    >>> metrics_in({"training_loss": 0.5, "peak_gpu_gib": None, "other": "text"}), metrics_in("text")
    ({'training_loss': 0.5, 'peak_gpu_gib': None}, {})
    """
    if not isinstance(content, dict):
        return {}
    return {str(name): value for name, value in content.items() if value is None or isinstance(value, float | int)}

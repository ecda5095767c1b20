"""The messages between the search and its workers: a task, and a report after each epoch of its training."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from se_nas.space.architecture import Architecture


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialTask:
    """A worker's task: the number of the trial, the network to train, and the seed of its training."""

    number: int
    architecture: Architecture
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochReport:
    """A worker's report after an epoch (counted from 1).

    `accuracy` is the validation accuracy, or the objective metric in its place.
    `costs` are the costs that were measured on its device. `metrics` are further numbers by name; None if unknown.
    """

    epoch: int
    accuracy: float
    seconds: float
    costs: Mapping[str, float] = field(default_factory=dict)
    metrics: Mapping[str, float | None] = field(default_factory=dict)

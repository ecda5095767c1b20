"""What the search and its workers say to each other. Workers import this alone, and none of the search's libraries."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from se_nas.space.architecture import Architecture


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialTask:
    """What a worker is given: a number, the network to train, and the seed of its training."""

    number: int
    architecture: Architecture
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochReport:
    """What a worker reports after an epoch (counted from 1). `costs` holds what was measured on its device."""

    epoch: int
    accuracy: float
    seconds: float
    costs: Mapping[str, float] = field(default_factory=dict)

"""A trial as it is stored, and the protocol for storing trials in an Optuna study."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from optuna.distributions import BaseDistribution
from optuna.trial import TrialState

from se_nas.space.decisions import Assignment

COUNT = "trials"
"""The study's attribute with the number of its trials. Without it, nobody would notice if the last rows were lost."""


@dataclass(frozen=True, slots=True)
class StoredTrial:
    """A trial as it is stored: `accuracies` by epoch, `values` of the objectives by index."""

    number: int
    state: TrialState
    assignment: dict[str, Any] = field(default_factory=dict)
    distributions: dict[str, BaseDistribution] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    accuracies: dict[int, float] = field(default_factory=dict)
    values: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReport:
    """The accuracy of a running trial after an epoch, and attributes."""

    number: int
    epoch: int
    accuracy: float
    attributes: Mapping[str, Any] = field(default_factory=dict)


class TrialStore(Protocol):
    """Reads and writes the trials of a study.

    A trial is known by its number. A writing method raises WriteError if the file cannot be written.
    """

    def read(self) -> list[StoredTrial]:
        """All trials, ordered by number. Damaged rows may raise an error of any kind."""

    def start(self, number: int, assignment: Assignment, attributes: Mapping[str, Any]) -> None:
        """Add a running trial, and count it in the study's attribute `COUNT`."""

    def report(self, reports: Sequence[StoredReport]) -> None:
        """Write reports of running trials. They replace earlier values."""

    def end(
        self,
        number: int,
        state: TrialState,
        *,
        values: Sequence[float],
        curve: Sequence[float],
        attributes: Mapping[str, Any],
    ) -> None:
        """Close a trial with its curve. Values of later epochs, from a first run that went further, no longer count."""

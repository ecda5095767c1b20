"""The protocol of a tracker, and the events that it is notified of."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from se_nas.searching.progress import SearchProgress
from se_nas.searching.records import TrialRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOutcome:
    """The outcome of a search: its figures by name (plotly), the files of its front and of its best network, and the
    next steps."""

    figures: Mapping[str, Any]
    front_files: tuple[Path, ...]
    best_files: tuple[Path, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of a confirmation or an ablation with trainings of `epochs`: figures by name (plotly), numbers, and
    the file with the result."""

    epochs: int
    figures: Mapping[str, Any]
    summary: Mapping[str, Any]
    file: Path


class Tracker(Protocol):
    """Is notified of each trial and of the end of the search. All calls come from one thread."""

    def trial_started(self, record: TrialRecord, progress: SearchProgress) -> None:
        """A trial is being trained."""

    def trial_ended(self, record: TrialRecord, progress: SearchProgress) -> None:
        """A trial is complete, pruned or failed."""

    def search_ended(self, progress: SearchProgress, outcome: SearchOutcome) -> None:
        """The budget is used or the space is exhausted."""

    def close(self) -> None:
        """The search ends, for any reason. This is the last call, and comes once."""

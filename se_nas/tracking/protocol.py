"""The protocol of a tracker, and the events that it is notified of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from se_nas.searching.progress import SearchProgress
from se_nas.searching.records import TrialRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedTable:
    """A table to log: the names of its columns, and its rows of texts, numbers, truth values and None."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOutcome:
    """The outcome of a search: its figures by name (plotly), the files of its front and of its best network, the next
    steps, and by name the tables and numbers that are not about trials."""

    figures: Mapping[str, Any]
    front_files: tuple[Path, ...]
    best_files: tuple[Path, ...]
    notes: tuple[str, ...]
    tables: Mapping[str, LoggedTable] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of a later command with trainings of `epochs`: figures by name (plotly), numbers, the file with the
    result, and tables by name."""

    epochs: int
    figures: Mapping[str, Any]
    summary: Mapping[str, Any]
    file: Path
    tables: Mapping[str, LoggedTable] = field(default_factory=dict)


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

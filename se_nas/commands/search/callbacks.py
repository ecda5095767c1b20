"""Callbacks of the search loop: they write the files of each trial, and notify the trackers."""

from collections.abc import Callable, Sequence

from se_nas.runs.run_folder import RunFolder
from se_nas.searching.progress import SearchProgress
from se_nas.searching.records import TrialRecord
from se_nas.space.design_space import DesignSpace
from se_nas.tracking.protocol import SearchOutcome, Tracker


class Callbacks:
    """The listener of the loop. `progress` is the search before its first notification."""

    def __init__(
        self,
        *,
        folder: RunFolder,
        space: DesignSpace,
        progress: SearchProgress,
        trackers: Sequence[Tracker],
        on_first_report: Callable[[], None],
    ) -> None:
        self._folder, self._space, self._trackers = folder, space, trackers
        self._progress = progress
        self._on_first_report = on_first_report
        self._statuses = {record.number: record.status for record in progress.records}

    def training_began(self) -> None:
        """Call `on_first_report`."""
        self._on_first_report()

    def trial_started(self, record: TrialRecord) -> None:
        """Write the network, then notify the trackers."""
        self._folder.write_architecture(record.number, self._space.decode(record.assignment))
        progress = self._progress_with(record)
        for tracker in self._trackers:
            tracker.trial_started(record, progress)

    def trial_ended(self, record: TrialRecord) -> None:
        """Write the result, then notify the trackers."""
        self._folder.write_result(record)
        progress = self._progress_with(record)
        for tracker in self._trackers:
            tracker.trial_ended(record, progress)

    def search_ended(self, progress: SearchProgress, outcome: SearchOutcome) -> None:
        """Notify the trackers."""
        for tracker in self._trackers:
            tracker.search_ended(progress, outcome)

    def _progress_with(self, record: TrialRecord) -> SearchProgress:
        self._progress = self._progress.with_record(record, self._statuses.get(record.number))
        self._statuses[record.number] = record.status
        return self._progress

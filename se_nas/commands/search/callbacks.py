"""Callbacks of the search loop: they write the files of each trial, and notify the trackers."""

from collections.abc import Mapping, Sequence

from se_nas.runs.run_folder import RunFolder
from se_nas.runs.settings import SearchConfig
from se_nas.searching.objectives import Objectives
from se_nas.searching.progress import SearchProgress, progress_of
from se_nas.searching.records import TrialRecord
from se_nas.searching.surrogate.posterior import settled_progress
from se_nas.space.design_space import DesignSpace
from se_nas.tracking.protocol import SearchOutcome, Tracker


class Callbacks:
    """The listener of the loop. `records` is the loop's own mapping, which the loop keeps up to date."""

    def __init__(
        self,
        *,
        folder: RunFolder,
        space: DesignSpace,
        config: SearchConfig,
        objectives: Objectives,
        records: Mapping[int, TrialRecord],
        trackers: Sequence[Tracker],
    ) -> None:
        self._folder, self._space, self._config = folder, space, config
        self._objectives, self._records, self._trackers = objectives, records, trackers
        self._told = self.progress
        self._statuses = {record.number: record.status for record in records.values()}

    @property
    def progress(self) -> SearchProgress:
        """The search as it is now, with the epochs of trials that are under way."""
        return progress_of(self._records.values(), self._objectives, self._config.reference, self._config.budget)

    @property
    def settled(self) -> SearchProgress:
        """The same, with a front of what is expected of each network."""
        reference, budget = self._config.reference, self._config.budget
        return settled_progress(self._records.values(), self._space.decisions, self._objectives, reference, budget)

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
        self._told = self._told.with_record(record, self._statuses.get(record.number))
        self._statuses[record.number] = record.status
        return self._told

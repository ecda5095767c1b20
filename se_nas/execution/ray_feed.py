"""What Ray Tune asks while it runs: Feed hands out trainings and takes reports, Gate stops them, End ends Tune."""

import time
from typing import Any

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from se_nas.execution.protocol import Work, is_out_of_memory
from se_nas.search.tasks import EpochReport

STARTING_SECONDS = 60.0
"""After which a trial no longer waits for a worker that starts: where fewer fit than were asked for, none will."""


class Feed(Searcher):  # type: ignore[misc]
    """Hands the trainings to Tune, at most `workers` at a time."""

    def __init__(self, work: Work, workers: int) -> None:
        super().__init__()
        self._work, self._workers = work, workers
        self._deaths: dict[int, int] = {}
        self._alone: set[int] = set()  # what is to have the machine for itself, or has
        self._had_it_alone: set[int] = set()
        self.running: dict[str, int] = {}  # Tune's trial id -> our trial number

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next training, as the settings of a Tune trial; None where there is none now."""
        if len(self.running) >= (1 if self._alone else self._workers):
            return None
        task = self._work.next_trial()
        if task is None:
            return None if self.running else str(Searcher.FINISHED)
        self.running[trial_id] = task.number
        return {"task": task}

    @property
    def is_over(self) -> bool:
        """Whether the search is."""
        return self._work.is_over

    def take(self, trial_id: str, report: EpochReport | str) -> bool:
        """A worker's report; whether the trial goes on."""
        if isinstance(report, str):
            self._end(self.running.pop(trial_id), report)
            return False
        goes_on = self._work.epoch_done(self.running[trial_id], report)
        if not goes_on:
            self._alone.discard(self.running.pop(trial_id))
        return goes_on

    def _end(self, number: int, reason: str) -> None:
        """Fail it; for want of memory it is repeated once, with nothing beside it."""
        self._alone.discard(number)
        if is_out_of_memory(reason) and number not in self._had_it_alone:
            self._alone.add(number)
            self._had_it_alone.add(number)
            self._work.repeat(number)
        else:
            self._work.fail(number, reason)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Repeat or fail a training whose worker died; all others are settled by their last report."""
        number = self.running.pop(trial_id, None)
        if number is None:
            return  # settled by its last report
        self._deaths[number] = self._deaths.get(number, 0) + 1
        if self._deaths[number] > 1:
            self._end(number, "its worker process died twice")
        else:
            self._work.repeat(number)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the study is the record."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the study is the record."""

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune pickles its settings, but nobody reads them back."""
        return {}

    def get_state(self) -> dict[str, Any]:
        """Nothing: the study is the record."""
        return {}

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Nothing: the study is the record."""


class End(tune.Stopper):  # type: ignore[misc]
    """Ends Tune with the last trial; it would look for another one for a second."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Never a single trial: that is the gate's affair."""
        return False

    def stop_all(self) -> bool:
        """Whether the work is done."""
        return self._feed.is_over


class Gate(FIFOScheduler):  # type: ignore[misc]
    """Stops what is at its end, and gives free workers to new trials."""

    def __init__(self, feed: Feed) -> None:
        super().__init__()
        self._feed = feed
        self._since: dict[str, float] = {}  # when each trial began to wait

    def __getstate__(self) -> dict[str, Any]:
        """Nothing, as for `Feed`."""
        return {}

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Note when the trial began to wait."""
        self._since[trial.trial_id] = time.monotonic()

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """The newest that waits. An older one waits for a worker that is starting: if it took a free one, Tune would
        end that worker before it ever trained."""
        live = sorted(tune_controller.get_live_trials(), key=lambda trial: self._since[trial.trial_id])
        waiting = [trial for trial in live if trial.status == Trial.PENDING]
        if not waiting:
            return None
        longest = time.monotonic() - self._since[waiting[0].trial_id]
        return waiting[0] if longest > STARTING_SECONDS else waiting[-1]

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Tune's word for whether the trial goes on."""
        goes_on = self._feed.take(trial.trial_id, result["report"])
        return str(TrialScheduler.CONTINUE if goes_on else TrialScheduler.STOP)

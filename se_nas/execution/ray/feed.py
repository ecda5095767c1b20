"""The objects that Ray Tune calls: Feed hands out trainings and takes reports, Gate stops trials, End ends Tune."""

import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from se_nas.execution.carried_files import Parcel
from se_nas.execution.protocol import Work, WritesFiles
from se_nas.execution.ray.deaths import Deaths
from se_nas.execution.ray.machines import Machines
from se_nas.execution.ray.worker import Arrival
from se_nas.execution.retries import Next, Retries
from se_nas.searching.failures import Failure, FailureKind
from se_nas.searching.tasks import EpochReport, TrialTask

STARTING_SECONDS = 60.0
"""The longest time that a trial waits for a new worker. None will start if fewer workers fit than were requested."""


class Feed(Searcher):  # type: ignore[misc]
    """Hands trainings to Tune, at most `workers` at a time. Each training comes with the machines that may train it.

    `files` says where trainings write their files, if machines of the cluster may not see them.
    """

    def __init__(
        self, work: Work, workers: int, machines: Machines, deaths: Deaths, files: WritesFiles | None = None
    ) -> None:
        super().__init__()
        self._work, self._workers, self._machines, self._deaths = work, workers, machines, deaths
        self._files = files
        self._retries = Retries()
        self._alone: set[int] = set()  # trainings that run, or will run, with no other training at the same time
        self._on: dict[int, str] = {}  # the machine that a training has reported from
        self.running: dict[str, int] = {}  # Tune's trial id -> our trial number

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next training, as the settings of a Tune trial; None if there is none now."""
        self._machines.look()
        if len(self.running) >= (1 if self._alone else self._workers):
            return None
        task = self._work.next_trial()
        if task is None:
            return None if self.running else str(Searcher.FINISHED)
        self.running[trial_id] = task.number
        allowed = self._machines.allowed
        places = tuple(sorted(allowed - self._retries.tried(task.number) or allowed))
        return {"task": task, "machines": places, "files": self._files_for(task)}

    def _files_for(self, task: TrialTask) -> Parcel:
        """The checkpoint of an interrupted training, if a machine may train that does not see it."""
        if self._files is None or not self._machines.some_are_apart:
            return Parcel()
        with suppress(OSError):  # without its checkpoint, the training starts again
            return Parcel.of([self._files.checkpoint(task)], self._files.folder)
        return Parcel()

    @property
    def is_over(self) -> bool:
        """Whether the search is over."""
        return self._work.is_over

    def take(
        self, trial_id: str, report: EpochReport | Failure | Arrival, machine: str, files: Parcel | None = None
    ) -> bool:
        """Take a worker's report from a machine, and return whether the trial goes on.

        First, the carried files are written: a trial ends only when its result is on disk.
        """
        number = self.running[trial_id]
        if files is not None and self._files is not None:
            files.unpack(self._files.folder)
        if isinstance(report, Arrival):
            self._deaths.arrived(report)
            return True
        if isinstance(report, Failure):
            self.end(trial_id, report)
            return False
        continues = self._work.epoch_done(number, report)
        self._machines.worked(machine, to_the_end=not continues)
        if not continues:
            self._alone.discard(self.running.pop(trial_id))
        return continues

    def end(self, trial_id: str, failure: Failure) -> None:
        """Repeat a failed training, or record its failure, as the retry policy decides."""
        number = self.running.pop(trial_id)
        self._alone.discard(number)
        self._machines.failed(failure)
        follows = self._retries.after(number, failure, machines=self._machines.allowed)
        if follows is Next.FAIL:
            described = self._retries.with_attempts(number, failure)
            self._work.fail(number, replace(described, node=self._machines.name(failure.node)))
        else:
            if follows is Next.ALONE:
                self._alone.add(number)
            self._work.repeat(number)

    def died(self, trial_id: str, said: str) -> None:
        """Repeat or fail a training whose worker has died. `said` is the text of Ray's error."""
        if trial_id in self.running:
            self.end(trial_id, self._deaths.explain(said))

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Repeat or fail a training that ended without a last report and without a known reason."""
        if trial_id in self.running:
            self.end(trial_id, Failure(kind=FailureKind.KILLED, reason="killed, Ray does not say by what"))

    def save(self, checkpoint_path: str) -> None:
        """Do nothing: the study is the record."""

    def restore(self, checkpoint_path: str) -> None:
        """Do nothing: the study is the record."""

    def __getstate__(self) -> dict[str, Any]:
        """An empty state: Tune pickles its settings, but nobody reads them back."""
        return {}

    def get_state(self) -> dict[str, Any]:
        """An empty state: the study is the record."""
        return {}

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Do nothing: the study is the record."""


class End(tune.Stopper):  # type: ignore[misc]
    """Ends Tune with the last trial. Without `End`, Tune looks for another trial for a second."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Always False, because `Gate` stops single trials."""
        return False

    def stop_all(self) -> bool:
        """Whether the work is done."""
        return self._feed.is_over


class Gate(FIFOScheduler):  # type: ignore[misc]
    """Stops trials that are at their end, and gives free workers to new trials."""

    def __init__(self, feed: Feed) -> None:
        super().__init__()
        self._feed = feed
        self._waiting: list[tuple[float, Trial]] = []  # with the time when each began to wait, the oldest first

    def __getstate__(self) -> dict[str, Any]:
        """An empty state, as for `Feed`."""
        return {}

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Note when the trial began to wait."""
        self._waiting.append((time.monotonic(), trial))

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """The newest trial that waits.

        An older trial waits for a worker that is starting. If the older trial took a free worker, Tune would end the
        starting worker before it ever trained.
        """
        self._waiting = [(since, trial) for since, trial in self._waiting if trial.status == Trial.PENDING]
        if not self._waiting:
            return None
        since, oldest = self._waiting[0]
        return oldest if time.monotonic() - since > STARTING_SECONDS else self._waiting[-1][1]

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Tune's constant that says whether the trial goes on."""
        trial.config["files"].contents.clear()  # the worker has them; Tune would keep them until its end
        continues = self._feed.take(trial.trial_id, result["report"], result["machine"], result["files"])
        return str(TrialScheduler.CONTINUE if continues else TrialScheduler.STOP)

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """Explain the death of the trial's worker. Tune keeps Ray's message about it in a text file."""
        said = ""
        if trial.error_file:
            with suppress(OSError):
                said = Path(trial.error_file).read_text(errors="replace")
        self._feed.died(trial.trial_id, said)

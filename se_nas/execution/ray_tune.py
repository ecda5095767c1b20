"""Trials on Ray Tune's workers. Ray knows nothing that the study does not.

Our Searcher hands the trainings to Tune, our Scheduler asks after each epoch whether one goes on. Nothing is restored
from what Tune saves.
"""

import contextlib
import logging
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import ray
from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from se_nas.errors import InputError, RunFailedError
from se_nas.execution.protocol import Evaluate, Work, is_out_of_memory, next_report
from se_nas.execution.ray_shortcuts import fewest_processes, quick_trials
from se_nas.execution.watchdog import watched
from se_nas.search.tasks import EpochReport

OBJECT_STORE_BYTES = 128 << 20
WATCH_SECONDS = 1.0
STARTING_SECONDS = 60.0
"""After which a trial no longer waits for a worker that starts: where fewer fit than were asked for, none will."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RayTuneExecutor:
    """`workers` trials side by side, each with one CPU and `gpus_per_trial` of a GPU.

    Without `address` a cluster is started on this machine and stopped afterwards; with it, an existing one is used.
    `data_bytes` is what the evaluation carries to each machine. An epoch that takes longer than `epoch_seconds` fails
    its trial.
    """

    workers: int
    gpus_per_trial: float
    address: str | None
    data_bytes: int
    epoch_seconds: float

    @property
    def description(self) -> str:
        """How many trials train at a time, and on what."""
        share = self.gpus_per_trial
        device = "a CPU core" if not share else f"{share:g} of a GPU" if share < 1 else f"{share:g} GPU"
        return f"{self.workers} networks at a time, each on {device}"

    def run(self, work: Work, evaluate: Evaluate) -> None:
        """Returns when every training that was handed out has ended."""
        with (
            self._cluster(),
            quick_trials(),
            watched(_lost_process, every=WATCH_SECONDS, last=_kill_processes),
            tempfile.TemporaryDirectory(prefix="se-nas-ray-") as storage,
        ):
            feed = _Feed(work, self.workers)
            tuner = tune.Tuner(
                tune.with_resources(
                    tune.with_parameters(_Worker, evaluate=evaluate, epoch_seconds=self.epoch_seconds),
                    {"cpu": 1, "gpu": self.gpus_per_trial},
                ),
                tune_config=tune.TuneConfig(search_alg=feed, scheduler=_Gate(feed), num_samples=-1, reuse_actors=True),
                run_config=tune.RunConfig(
                    name="search",
                    stop=_End(feed),
                    storage_path=storage,
                    verbose=0,
                    callbacks=[],
                    checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                ),
            )
            tuner.fit()
        if not work.is_over:
            raise RunFailedError("Ray Tune ended before the search did; the run can be resumed")

    @contextlib.contextmanager
    def _cluster(self) -> Iterator[None]:
        for name in ("ray", "ray.tune", "ray.air", "ray.train", "ray.data"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        on_terminate = signal.getsignal(signal.SIGTERM)
        try:
            self._connect(log_to_driver=False, logging_level=logging.CRITICAL)
            signal.signal(signal.SIGTERM, on_terminate)  # Ray puts its own in place, which saves nothing
            yield
        finally:
            ray.shutdown()

    def _connect(self, **settings: Any) -> None:
        try:
            if self.address:
                ray.init(address=self.address, **settings)
            else:
                with fewest_processes():
                    ray.init(
                        num_cpus=self.workers,
                        include_dashboard=False,
                        object_store_memory=OBJECT_STORE_BYTES + 2 * self.data_bytes,
                        **settings,
                    )
        except (ConnectionError, OSError, ValueError, RuntimeError) as error:
            where = f"--address {self.address}" if self.address else "a local Ray cluster"
            raise InputError(f"{where}: cannot be reached ({' '.join(str(error).split())[:200]})") from None


def _lost_process() -> str | None:
    """Which of the cluster's own processes on this machine has died; Ray alone would end this one without a word."""
    node = ray._private.worker._global_node
    dead = [] if node is None else node.dead_processes()
    return f"Ray's {dead[0][0]} has died" if dead else None


def _kill_processes() -> None:
    """Take the rest of the cluster down, workers too."""
    node = ray._private.worker._global_node
    if node is not None:
        node.kill_all_processes(check_alive=False, allow_graceful=False)


class _Worker(tune.Trainable):  # type: ignore[misc]
    """A Ray actor that trains one trial after another; Tune reuses it, so torch and the images load once."""

    def setup(self, config: dict[str, Any], evaluate: Evaluate, epoch_seconds: float) -> None:
        self._evaluate, self._epoch_seconds = evaluate, epoch_seconds
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._reports = self._evaluate(new_config["task"])
        return True

    def step(self) -> dict[str, Any]:
        return {"report": next_report(self._reports, epoch_seconds=self._epoch_seconds)}


class _Feed(Searcher):  # type: ignore[misc]
    """Hands the trainings to Tune, at most `workers` at a time."""

    def __init__(self, work: Work, workers: int) -> None:
        super().__init__()
        self._work, self._workers = work, workers
        self._deaths: dict[int, int] = {}
        self._alone: set[int] = set()  # what is to have the machine for itself, or has
        self._had_it_alone: set[int] = set()
        self.running: dict[str, int] = {}  # Tune's trial id -> our trial number

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
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
        return {}

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Nothing: the study is the record."""


class _End(tune.Stopper):  # type: ignore[misc]
    """Ends Tune with the last trial; it would look for another one for a second."""

    def __init__(self, feed: _Feed) -> None:
        self._feed = feed

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Never a single trial: that is the gate's affair."""
        return False

    def stop_all(self) -> bool:
        return self._feed.is_over


class _Gate(FIFOScheduler):  # type: ignore[misc]
    """Stops what is at its end, and gives free workers to new trials."""

    def __init__(self, feed: _Feed) -> None:
        super().__init__()
        self._feed = feed
        self._since: dict[str, float] = {}  # when each trial began to wait

    def __getstate__(self) -> dict[str, Any]:
        """Nothing, as for `_Feed`."""
        return {}

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
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
        goes_on = self._feed.take(trial.trial_id, result["report"])
        return str(TrialScheduler.CONTINUE if goes_on else TrialScheduler.STOP)

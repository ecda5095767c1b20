"""Trials on Ray Tune's workers. Ray knows nothing that the study does not.

Our Searcher hands the trainings to Tune, our Scheduler asks after each epoch whether one goes on. Nothing is restored
from what Tune saves.
"""

import contextlib
import logging
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import ray
from ray import tune

from se_nas.errors import InputError, RunFailedError
from se_nas.execution.protocol import Evaluate, Work
from se_nas.execution.ray_feed import End, Feed, Gate
from se_nas.execution.ray_shortcuts import fewest_processes, quick_trials
from se_nas.execution.ray_worker import worker_class
from se_nas.execution.watchdog import watched

OBJECT_STORE_BYTES = 128 << 20
WATCH_SECONDS = 1.0


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
            feed = Feed(work, self.workers)
            tuner = tune.Tuner(
                tune.with_resources(
                    worker_class(evaluate, epoch_seconds=self.epoch_seconds),
                    {"cpu": 1, "gpu": self.gpus_per_trial},
                ),
                tune_config=tune.TuneConfig(search_alg=feed, scheduler=Gate(feed), num_samples=-1, reuse_actors=True),
                run_config=tune.RunConfig(
                    name="search",
                    stop=End(feed),
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

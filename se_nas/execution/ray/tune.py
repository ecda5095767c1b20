"""Trials on the workers of Ray Tune. The study is the only record: nothing is restored from Tune's own files.

`Feed`, a Searcher, hands the trainings to Tune. `Gate`, a Scheduler, asks after each epoch whether a training goes on.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import ray
from ray import tune

from se_nas.errors import RunFailedError
from se_nas.execution.marked_folder import MarkedFolder
from se_nas.execution.place import Conditions, no_needs
from se_nas.execution.protocol import Evaluate, HasNeeds, PrintLine, Work, WritesFiles, print_nothing
from se_nas.execution.ray.cluster import joined_cluster, own_cluster
from se_nas.execution.ray.deaths import Deaths
from se_nas.execution.ray.feed import End, Feed, Gate
from se_nas.execution.ray.machines import Machines, placed
from se_nas.execution.ray.shortcuts import quick_trials
from se_nas.execution.ray.worker import worker_class
from se_nas.machine.control_groups import memory_kills
from se_nas.wording import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class RayTuneExecutor:
    """Runs `workers` trials at the same time, each with one CPU and `gpus_per_trial` of a GPU.

    Without `address`, a cluster is started on this machine and stopped afterwards. With `address` (HOST:PORT), an
    existing cluster is used. `cluster` names it for people, and `processors` is the number of CPUs for one training.
    `data_bytes` is the size of the evaluation, which each machine gets. An epoch that takes longer than `epoch_seconds`
    fails its trial.
    """

    workers: int
    gpus_per_trial: float
    address: str | None
    data_bytes: int
    epoch_seconds: float
    cluster: str | None = None
    processors: int = 1

    @property
    def description(self) -> str:
        """Text for people that says how many trials train at a time, and on which device."""
        share = self.gpus_per_trial
        device = "a CPU core" if not share else f"{share:g} of a GPU" if share < 1 else f"{share:g} GPU"
        return f"{counted(self.workers, 'network')} at a time, each on {device}"

    def run(self, work: Work, evaluate: Evaluate, print_line: PrintLine = print_nothing) -> None:
        """Train until every training that was handed out has ended."""
        cluster = (
            joined_cluster(self.address)
            if self.address
            else own_cluster(workers=self.workers, data_bytes=self.data_bytes, print_line=print_line)
        )
        with (
            cluster as folder,
            quick_trials(),
            tempfile.TemporaryDirectory(prefix="se-nas-ray-", dir=folder) as storage,
        ):
            words = Path(storage) / "words"
            files = evaluate if self.address and isinstance(evaluate, WritesFiles) else None
            marked = MarkedFolder.of(files.folder) if files else None
            machines = self._machines(evaluate, marked, print_line)
            machines.wait()
            gpus = self.gpus_per_trial
            here = ray.get_runtime_context().get_node_id()
            feed = Feed(work, self.workers, machines, Deaths(words, {here: memory_kills(Path("/"))}), files)
            tuner = tune.Tuner(
                tune.with_resources(
                    worker_class(evaluate, epoch_seconds=self.epoch_seconds, words=words, folder=marked),
                    lambda config: placed(config["machines"], gpus=gpus),
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

    def _machines(self, evaluate: Evaluate, folder: MarkedFolder | None, print_line: PrintLine) -> Machines:
        """The machines of the cluster. In an existing cluster, they are checked; the own cluster is this machine."""
        needs = evaluate.needs() if self.address and isinstance(evaluate, HasNeeds) else no_needs
        return Machines(
            needs if self.address else None,
            Conditions.here(needs_gpu=self.gpus_per_trial > 0),
            gpus=self.gpus_per_trial,
            print_line=print_line,
            folder=folder,
        )

"""Trainings of chosen networks on chosen seeds, beside a search: each is done once, and kept as a file of its run."""

import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from se_nas.experiment.assembly import Machines, build_executor
from se_nas.experiment.config import SearchConfig
from se_nas.experiment.evaluation import TrialEvaluation
from se_nas.experiment.run_folder import RunFolder
from se_nas.experiment.survey import cost_on
from se_nas.files import read_json, write_json
from se_nas.search.objectives import parse_objectives
from se_nas.search.tasks import EpochReport, TrialTask
from se_nas.space.architecture import Architecture
from se_nas.tracking.console import plain_teller
from se_nas.training.data import ImageData
from se_nas.training.device import cpu_count
from se_nas.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Replication:
    """A network under a name of its own, and a seed of its training.

    Seeds are small numbers, while a trial's is a hash: none is that of the search.
    """

    name: str
    architecture: Architecture
    seed: int


Outcomes = Mapping[tuple[str, int], float | None]
"""The final accuracy by (name, seed); None where that training failed."""

Plan = Callable[[Outcomes, Collection[tuple[str, int]]], Replication | None]
"""Given the outcomes so far and what is under way, by (name, seed): the next training; None when there is none now."""


def accuracies_of(outcomes: Outcomes, name: str) -> dict[int, float]:
    """A network's accuracy by seed, where it has one."""
    return {seed: accuracy for (other, seed), accuracy in outcomes.items() if other == name and accuracy is not None}


@dataclass(frozen=True, slots=True)
class ReplicationFolder:
    """`RUN_DIR/replications/epochs-N/FINGERPRINT/seed-S.json`."""

    path: Path

    @classmethod
    def of(cls, folder: RunFolder, epochs: int) -> "ReplicationFolder":
        """Those of so many epochs."""
        return cls(folder.path.absolute() / "replications" / f"epochs-{epochs}")

    def file(self, fingerprint: str, seed: int) -> Path:
        """The file of one training."""
        return self.path / fingerprint / f"seed-{seed}.json"

    def write_finished(
        self, task: TrialTask, *, curve: Sequence[float], seconds: float, cost: Mapping[str, float]
    ) -> None:
        """Write the result down as the worker that has it."""
        fingerprint = task.architecture.fingerprint()
        result = {
            "fingerprint": fingerprint,
            "se": list(task.architecture.se_tokens),
            "seed": task.seed,
            "curve": list(curve),
            "seconds": seconds,
            "cost": dict(cost),
        }
        write_json(self.file(fingerprint, task.seed), result)

    def accuracy(self, architecture: Architecture, seed: int, *, epochs: int) -> float | None:
        """The final accuracy of a training that was done before; None when there is none, or its file is damaged."""
        fingerprint = architecture.fingerprint()
        result = read_json(self.file(fingerprint, seed)) or {}
        curve = result.get("curve")
        if (result.get("fingerprint"), result.get("seed")) != (fingerprint, seed) or not isinstance(curve, list):
            return None
        return float(curve[-1]) if len(curve) == epochs and isinstance(curve[-1], float | int) else None


class Replications:
    """The work of a plan. What was done before is read, and not done again."""

    def __init__(self, plan: Plan, folder: ReplicationFolder, *, epochs: int, tell: Callable[[str], None]) -> None:
        self._plan, self._folder, self._epochs, self._tell = plan, folder, epochs, tell
        self.outcomes: dict[tuple[str, int], float | None] = {}
        self._handed_out = 0
        self._under_way: dict[int, tuple[str, int]] = {}

    def next_trial(self) -> TrialTask | None:
        """The plan's next training that was not done before."""
        wanted = self._wanted()
        if wanted is None:
            return None
        number = self._handed_out
        self._handed_out += 1
        self._under_way[number] = wanted.name, wanted.seed
        return TrialTask(number=number, architecture=wanted.architecture, seed=wanted.seed)

    def epoch_done(self, number: int, report: EpochReport) -> bool:
        """Only the last epoch counts: nothing is stopped early here."""
        if report.epoch < self._epochs:
            return True
        self._end(number, report.accuracy, f"accuracy {report.accuracy:.4f}")
        return False

    def fail(self, number: int, reason: str) -> None:
        """The network has no accuracy on that seed."""
        self._end(number, None, f"failed: {reason}")

    def repeat(self, number: int) -> None:
        """Forget that it was handed out; the plan names it again."""
        del self._under_way[number]

    @property
    def is_over(self) -> bool:
        """Whether nothing is under way and the plan wants nothing more."""
        return not self._under_way and self._wanted() is None

    def _wanted(self) -> Replication | None:
        """What the plan wants next, after what it wanted and was done before."""
        while (wanted := self._plan(self.outcomes, self._under_way.values())) is not None:
            accuracy = self._folder.accuracy(wanted.architecture, wanted.seed, epochs=self._epochs)
            if accuracy is None:
                return wanted
            self.outcomes[wanted.name, wanted.seed] = accuracy
        return None

    def _end(self, number: int, accuracy: float | None, said: str) -> None:
        name, seed = self._under_way.pop(number)
        self.outcomes[name, seed] = accuracy
        self._tell(f"{name:<24} seed {seed}  {said}  ({len(self.outcomes)} trainings)")


def replicate(
    plan: Plan,
    networks: Sequence[Architecture],
    *,
    folder: RunFolder,
    config: SearchConfig,
    data: ImageData,
    epochs: int,
    machines: Machines,
    console: Console,
) -> Outcomes:
    """Carry out a plan for `networks` on the images of a search, with its recipe; interrupted, it can be repeated."""
    executor = build_executor(machines, data, map(cost_on(data), networks), parse_objectives(config.objectives))
    files = ReplicationFolder.of(folder, epochs)
    tell = plain_teller(console)
    work = Replications(plan, files, epochs=epochs, tell=tell)
    evaluation = TrialEvaluation(
        results=files,
        train=data.train,
        validation=data.validation,
        mirrored=data.mirrored,
        classes=data.classes,
        recipe=Recipe(epochs=epochs),
        with_latency=False,
        use_gpu=machines.gpus_per_trial != 0,
        loaders=max(1, cpu_count() // executor.workers),
    )
    with folder.locked(), _kept():
        if not work.is_over:
            tell(f"training  {executor.description}, {epochs} epochs each; what is finished is in {files.path}")
            executor.run(work, evaluation)
    return work.outcomes


@contextlib.contextmanager
def _kept() -> Any:
    """Tells who leaves early that nothing is lost."""
    try:
        yield
    except BaseException as error:  # ctrl-C and SIGTERM too
        error.add_note("everything finished is kept; the same command goes on")
        raise

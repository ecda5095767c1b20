"""Trainings of chosen networks on chosen seeds after a search. Each is done once; its result is a file of the run."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rich.console import Console

from se_nas.commands.preflight import cost_on
from se_nas.commands.search.assembly import Machines, build_executor
from se_nas.commands.search.evaluation import TrialEvaluation
from se_nas.data.image_data import ImageData
from se_nas.errors import WriteError
from se_nas.files import read_checked, write_checked
from se_nas.machine.shared_memory import check_shared_memory
from se_nas.process.last_words import resumable
from se_nas.runs.run_folder import RunFolder
from se_nas.runs.settings import SearchConfig
from se_nas.searching.failures import Failure, FaultsInARow
from se_nas.searching.tasks import EpochReport, TrialTask
from se_nas.space.architecture import Architecture
from se_nas.tracking.console import plain_teller
from se_nas.training.recipe import Recipe
from se_nas.wording import counted, format_duration

Key = tuple[str, int]
"""A network's name, and the seed of its training. It is a small number; a trial's seed is a hash, so they differ."""

Outcomes = Mapping[Key, float | None]
"""The final accuracy of each training that has ended; None if it failed."""


class Plan(Protocol):
    """A plan of trainings, at least `seeds` of them for each network."""

    @property
    def seeds(self) -> int:
        """The number of seeds on which each network is trained, whatever the results."""

    def __call__(self, outcomes: Outcomes, under_way: Collection[Key]) -> Key | None:
        """The next training, given the outcomes so far and the running trainings; None if there is none now."""


def accuracies_of(outcomes: Outcomes, name: str) -> dict[int, float]:
    """A network's accuracy by seed. Seeds whose training failed are left out."""
    return {
        seed: accuracy
        for (other, seed), accuracy in sorted(outcomes.items(), key=lambda outcome: outcome[0])
        if other == name and accuracy is not None
    }


@dataclass(frozen=True, slots=True)
class EverySeed:
    """The plan that trains each network on each of the first `seeds` seeds, seed by seed."""

    names: Sequence[str]
    seeds: int

    def __call__(self, outcomes: Outcomes, under_way: Collection[Key]) -> Key | None:
        """The next training."""
        keys = ((name, seed) for seed in range(self.seeds) for name in self.names)
        return next((key for key in keys if key not in outcomes and key not in under_way), None)


@dataclass(frozen=True, slots=True)
class ReplicationFolder:
    """`RUN_DIR/replications/epochs-N/FINGERPRINT/seed-S.json`.

    `images` are the fingerprints of the images for training and validation, as this version and earlier ones compute
    them. `changed`: the images have changed since the search began.
    """

    path: Path
    images: tuple[str, ...] = ()
    changed: bool = False

    @classmethod
    def of(cls, folder: RunFolder, epochs: int, data: ImageData, config: SearchConfig) -> "ReplicationFolder":
        """The trainings of `epochs` epochs on these images."""
        path = folder.path.absolute() / "replications" / f"epochs-{epochs}"
        return cls(path, images=data.training_fingerprints(), changed=bool(config.earlier_images))

    def file(self, fingerprint: str, seed: int) -> Path:
        """The file of one training."""
        return self.path / fingerprint / f"seed-{seed}.json"

    def write_finished(
        self, task: TrialTask, *, curve: Sequence[float], seconds: float, cost: Mapping[str, float]
    ) -> None:
        """Write the result of a training; its worker calls this."""
        fingerprint = task.architecture.fingerprint()
        result = {
            "fingerprint": fingerprint,
            "se": list(task.architecture.se_tokens),
            "seed": task.seed,
            "curve": list(curve),
            "seconds": seconds,
            "cost": dict(cost),
            "images": self.images[0] if self.images else None,
        }
        write_checked(self.file(fingerprint, task.seed), result)
        self.checkpoint(task).unlink(missing_ok=True)

    def checkpoint(self, task: TrialTask) -> Path:
        """The file with the state of a long training, from which it can continue."""
        return self.file(task.architecture.fingerprint(), task.seed).with_suffix(".safetensors")

    def accuracies(self, architecture: Architecture, *, epochs: int) -> dict[int, float]:
        """The final accuracy by seed of every training on these images that was done before; a damaged file is none."""
        return {seed: accuracy for seed, accuracy, current in self._done(architecture, epochs) if current}

    def count_on_earlier_images(self, architecture: Architecture, *, epochs: int) -> int:
        """The number of trainings of this network on images that have changed since."""
        return sum(not current for _, _, current in self._done(architecture, epochs))

    def _done(self, architecture: Architecture, epochs: int) -> Iterator[tuple[int, float, bool]]:
        """The seed and the final accuracy of each training, and whether it is on these images."""
        fingerprint = architecture.fingerprint()
        for path in (self.path / fingerprint).glob("seed-*.json"):
            result = read_checked(path) or {}
            curve, seed = result.get("curve"), result.get("seed")
            if not isinstance(curve, list) or len(curve) != epochs or not isinstance(seed, int):
                continue
            if path == self.file(str(result.get("fingerprint")), seed) and isinstance(curve[-1], float | int):
                yield seed, float(curve[-1]), self._is_current(result.get("images"))

    def _is_current(self, images: object) -> bool:
        """Whether a result is of these images. Earlier versions did not write which images it is of."""
        return images in self.images if images is not None else not self.changed


class Replications:
    """Carries out a plan for `networks` (by name). Earlier results are used again. `clock` gives seconds."""

    def __init__(
        self,
        plan: Plan,
        networks: Mapping[str, Architecture],
        folder: ReplicationFolder,
        *,
        epochs: int,
        tell: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plan, self._networks, self._epochs, self._tell = plan, networks, epochs, tell
        self._folder = folder
        self.outcomes: dict[Key, float | None] = {
            (name, seed): accuracy
            for name, architecture in networks.items()
            for seed, accuracy in folder.accuracies(architecture, epochs=epochs).items()
        }
        self._least = len({*self.outcomes, *((name, seed) for name in networks for seed in range(plan.seeds))})
        self._known = len(self.outcomes)
        self._clock, self._began = clock, clock()
        self._keys: list[Key] = []  # the number of a training is its index here
        self._under_way: set[Key] = set()
        self._faults = FaultsInARow()

    def next_trial(self) -> TrialTask | None:
        """The plan's next training. A repeated training keeps its number."""
        key = self._plan(self.outcomes, self._under_way)
        if key is None:
            return None
        if key not in self._keys:
            self._keys.append(key)
        self._under_way.add(key)
        name, seed = key
        return TrialTask(number=self._keys.index(key), architecture=self._networks[name], seed=seed)

    def epoch_done(self, number: int, report: EpochReport) -> bool:
        """Record the accuracy of the last epoch; no training is stopped early here."""
        if report.epoch < self._epochs:
            return True
        self._check_written(number)
        self._end(number, report.accuracy, f"accuracy {report.accuracy:.4f}")
        self._faults.went_well()
        return False

    def _check_written(self, number: int) -> None:
        """Raise WriteError if the worker could not write its result."""
        name, seed = self._keys[number]
        path = self._folder.file(self._networks[name].fingerprint(), seed)
        if not path.is_file():
            raise WriteError(f"{path}: could not be written by its worker; is the disk full?")

    def fail(self, number: int, failure: Failure) -> None:
        """Record that the network has no accuracy on this seed.

        RunFailedError if one training after another fails for a reason that is not its network.
        """
        self._end(number, None, f"failed: {failure.text}")
        self._faults.failed(failure)

    def repeat(self, number: int) -> None:
        """Count the training as not started; the plan names it again."""
        self._under_way.remove(self._keys[number])

    @property
    def is_over(self) -> bool:
        """Whether no training is running and the plan has no more."""
        return not self._under_way and self._plan(self.outcomes, ()) is None

    def _end(self, number: int, accuracy: float | None, said: str) -> None:
        key = self._keys[number]
        self._under_way.remove(key)
        self.outcomes[key] = accuracy
        self._tell(f"{key[0]:<24} seed {key[1]}  {said}  ({self._so_far()})")

    def _so_far(self) -> str:
        done = len(self.outcomes)
        if done >= self._least:
            return f"{done} done"
        left = (self._least - done) * (self._clock() - self._began) / (done - self._known)
        return f"{done} of {self._least}, {format_duration(left)} left"


def replicate(
    plan: Plan,
    networks: Mapping[str, Architecture],
    *,
    folder: RunFolder,
    config: SearchConfig,
    data: ImageData,
    epochs: int,
    machines: Machines,
    again: str,
    console: Console,
) -> Outcomes:
    """Carry out a plan on the images of a search, with its recipe, in a folder that the caller has locked.

    After an interruption, the last line names the command `again`, which continues.
    """
    executor = build_executor(machines, data, map(cost_on(data), networks.values()), measures_latency=False)
    files = ReplicationFolder.of(folder, epochs, data, config)
    tell = plain_teller(console)
    if outdated := sum(files.count_on_earlier_images(each, epochs=epochs) for each in networks.values()):
        tell(f"{counted(outdated, 'training')} on images that have changed since: left out, done again where needed")
    work = Replications(plan, networks, files, epochs=epochs, tell=tell)
    evaluation = TrialEvaluation(
        results=files,
        train=data.train,
        validation=data.validation,
        mirrored=data.mirrored,
        classes=data.classes,
        recipe=Recipe(epochs=epochs),
        with_latency=False,
        use_gpu=machines.gpus_per_trial != 0,
        loaders=executor.processors,
        images=files.images[0] if files.changed else "",
    )
    if not work.is_over:
        if machines.address is None:
            check_shared_memory(executor.workers * evaluation.shared_bytes)
        where = f"what is finished is in {files.path}"
        tell(f"training  {executor.description}, {counted(epochs, 'epoch')} each; {where}")
        if executor.cluster is not None:
            tell(f"cluster   {executor.cluster}")
        with resumable(f"everything finished is kept; go on with: {again}"):
            executor.run(work, evaluation, tell)
    return work.outcomes

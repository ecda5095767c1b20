"""How a worker evaluates a trial: build, train, report each epoch, write the result before the last report."""

import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import torch

from se_nas.commands.search.needs import Needs
from se_nas.data.device_data import STREAMED_EVALUATION_BATCH, DeviceData
from se_nas.data.image_data import Part
from se_nas.data.streaming import shared_bytes
from se_nas.errors import InputError, WriteError
from se_nas.searching.tasks import EpochReport, TrialTask
from se_nas.training.checkpoint import load_checkpoint, save_checkpoint
from se_nas.training.devices.device import pick_device, prepare
from se_nas.training.latency import measure_latency
from se_nas.training.recipe import Recipe
from se_nas.training.trainer import EpochResult, Trainer, build_initial_model, train

SAVE_SECONDS = 60.0
"""Between two checkpoints of a trial: short trials have none, and a long one loses no more than that and an epoch."""


class Results(Protocol):
    """Where a worker writes what it has finished."""

    @property
    def path(self) -> Path:
        """The folder of it, which all machines share."""

    def write_finished(
        self, task: TrialTask, *, curve: Sequence[float], seconds: float, cost: Mapping[str, float]
    ) -> None:
        """A training's accuracy after each epoch, its seconds, and the costs that were measured."""

    def checkpoint(self, task: TrialTask) -> Path:
        """Where a training that takes long keeps how far it is."""


@dataclass(kw_only=True, slots=True)
class TrialEvaluation:
    """Evaluates tasks in one process; the images go to the device once, with the first task. It has no test images.

    `loaders` processes read images that stay on disk. `images` is the fingerprint of images that have changed since the
    search began, or else empty: no training goes on from a checkpoint that was made on other images.

    Repeated with the same seed in the same precision, a task gives the same result. One that was cut off goes on after
    the last epoch that was saved, and reports the earlier ones again.
    """

    results: Results
    train: Part
    validation: Part
    mirrored: bool
    classes: int
    recipe: Recipe
    with_latency: bool
    use_gpu: bool
    loaders: int
    images: str = ""
    _device: torch.device | None = field(default=None, init=False)
    _device_data: DeviceData | None = field(default=None, init=False)

    def __call__(self, task: TrialTask) -> Iterator[EpochReport]:
        """Train the task's network, a report an epoch."""
        if self._device is None or self._device_data is None:
            self._device = pick_device(use_gpu=self.use_gpu)
            prepare(self._device)
            self._device_data = DeviceData.of(
                self.train, self.validation, mirrored=self.mirrored, device=self._device, loaders=self.loaders
            )
        if self._device.type == "cuda":
            torch.cuda.empty_cache()  # the last network's memory, for those that share the GPU
        model = build_initial_model(task.architecture, num_classes=self.classes, seed=task.seed)
        trainer = Trainer(model, self._device_data, self.recipe, seed=task.seed, device=self._device)
        costs = {}
        if self.with_latency:
            costs["latency"] = measure_latency(model, image_size=self.train.image_size, device=self._device)
        path, identity = self.results.checkpoint(task), self._identity(task)
        history = _load(path, trainer, identity)
        saved = time.monotonic()
        for result in chain([EpochResult(**past) for past in history], train(trainer)):
            if result.epoch > len(history):
                history.append(asdict(result))
                with contextlib.suppress(WriteError):  # the driver writes too, and ends the search
                    if result.epoch == self.recipe.epochs:
                        curve = [past["accuracy"] for past in history]
                        seconds = sum(past["seconds"] for past in history)
                        self.results.write_finished(task, curve=curve, seconds=seconds, cost=costs)
                    elif time.monotonic() - saved >= SAVE_SECONDS:
                        save_checkpoint(path, trainer, identity=identity, history=history)
                        saved = time.monotonic()
            yield EpochReport(epoch=result.epoch, accuracy=result.accuracy, seconds=result.seconds, costs=costs)

    def needs(self) -> Needs:
        """What a machine must have for these trainings: the folder of the results, and images that stay on disk."""
        return Needs.of(self.results.path, self.train, self.validation, shared_bytes=self.shared_bytes)

    @property
    def shared_bytes(self) -> int:
        """Shared memory that one training's loader processes use."""
        batch = self.recipe.batch_size_for(len(self.train))
        return max(
            shared_bytes(self.train, batch=batch, loaders=self.loaders),
            shared_bytes(self.validation, batch=STREAMED_EVALUATION_BATCH, loaders=self.loaders),
        )

    def _identity(self, task: TrialTask) -> str:
        about = [task.architecture.fingerprint(), asdict(self.recipe), task.seed]
        return json.dumps([*about, self.images] if self.images else about)


def _load(path: Path, trainer: Trainer, identity: str) -> list[dict[str, Any]]:
    """The epochs that were saved, `trainer` standing after the last; none where there is no such file, or another's."""
    if path.is_file():
        with contextlib.suppress(InputError):
            return load_checkpoint(path, trainer, identity=identity)
    return []

"""Evaluates a trial in a worker: build, train, report each epoch, write the result before the last report."""

import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import torch

from se_nas.commands.search.needs import Needs
from se_nas.data.batches.device_data import STREAMED_EVALUATION_BATCH, DeviceData
from se_nas.data.batches.streaming import shared_bytes
from se_nas.data.image_data import Part
from se_nas.errors import InputError, WriteError
from se_nas.models.own_network import NetworkSource
from se_nas.objective_metric import ACCURACY, ObjectiveMetric
from se_nas.searching.records import Metrics
from se_nas.searching.tasks import EpochReport, TrialTask
from se_nas.space.architecture import Architecture
from se_nas.training.checkpoint import load_checkpoint, save_checkpoint
from se_nas.training.devices.device import pick_device, prepare
from se_nas.training.measurements import measure_costs
from se_nas.training.metrics import begin_metrics, measure_metrics
from se_nas.training.pretrained import Pretrained
from se_nas.training.recipe import Recipe
from se_nas.training.trainer import EpochResult, Trainer, build_initial_model, train

SAVE_SECONDS = 60.0
"""The time between two checkpoints. Short trials have none; a long trial loses at most this time and an epoch."""


class Results(Protocol):
    """The place where a worker writes its results."""

    @property
    def path(self) -> Path:
        """The folder of the results."""

    def at(self, path: Path) -> "Results":
        """The same results in another folder."""

    def write_finished(
        self,
        task: TrialTask,
        *,
        curve: Sequence[float],
        seconds: float,
        cost: Mapping[str, float],
        metrics: Metrics,
    ) -> None:
        """Write a training's accuracy after each epoch, its seconds, its measured costs and its last metrics."""

    def checkpoint(self, task: TrialTask) -> Path:
        """The file with the state of a long training, from which it can continue."""


@dataclass(kw_only=True, slots=True)
class TrialEvaluation:
    """Evaluates tasks in one process. The images go to the device with the first task, and again if the next network
    has another image size. It has no test images.

    `measured` are the names of the costs to measure. `loaders` processes read images that stay on disk. `images` is the
    fingerprint of images that have changed since the search began, or else empty: no training goes on from a checkpoint
    that was made on other images. `pretrained` are the weights that networks start with, or their file, or None.
    `metric` scores the trials. `network` is the source of a user's own network.

    Repeated with the same seed in the same precision, a task gives the same result. A task that was interrupted
    continues after the last saved epoch, and reports the earlier epochs again.
    """

    results: Results
    train: Part
    validation: Part
    mirrored: bool
    classes: int
    recipe: Recipe
    measured: tuple[str, ...]
    use_gpu: bool
    loaders: int
    images: str = ""
    pretrained: Path | Pretrained | None = None
    metric: ObjectiveMetric = ACCURACY
    network: NetworkSource | None = None
    _weights: Pretrained | None = field(default=None, init=False)
    _device: torch.device | None = field(default=None, init=False)
    _device_data: DeviceData | None = field(default=None, init=False)

    def __call__(self, task: TrialTask) -> Iterator[EpochReport]:
        """Train the task's network; yield a report after each epoch."""
        if self.network is not None:
            self.network.allow()
        if self._device is None:
            self._device = pick_device(use_gpu=self.use_gpu)
            prepare(self._device)
        device_data = self._images_for(task.architecture, self._device)
        if self._device.type == "cuda":
            torch.cuda.empty_cache()  # frees the last network's memory for other processes on the GPU
        begin_metrics(self._device)
        model = build_initial_model(task.architecture, num_classes=self.classes, seed=task.seed)
        if self.pretrained is not None:
            given = self.pretrained
            self._weights = self._weights or (Pretrained.read(given) if isinstance(given, Path) else given)
            self._weights.start(model)
        trainer = Trainer(model, device_data, self.recipe, seed=task.seed, device=self._device, metric=self.metric)
        costs = measure_costs(self.measured, model, image_size=device_data.train.image_size, device=self._device)
        path, identity = self.results.checkpoint(task), self._identity(task)
        history = _load(path, trainer, identity)
        saved = time.monotonic()
        for result in chain([EpochResult(**past) for past in history], train(trainer)):
            metrics = measure_metrics(trainer, result)
            if result.epoch > len(history):
                history.append(asdict(result))
                with contextlib.suppress(WriteError):  # the driver writes too, and then ends the search
                    if result.epoch == self.recipe.epochs:
                        curve = [EpochResult(**past).score for past in history]
                        seconds = sum(past["seconds"] for past in history)
                        self.results.write_finished(task, curve=curve, seconds=seconds, cost=costs, metrics=metrics)
                    elif time.monotonic() - saved >= SAVE_SECONDS:
                        save_checkpoint(path, trainer, identity=identity, history=history)
                        saved = time.monotonic()
            yield EpochReport(
                epoch=result.epoch, accuracy=result.score, seconds=result.seconds, costs=costs, metrics=metrics
            )

    def _images_for(self, architecture: Architecture, device: torch.device) -> DeviceData:
        """The images at the size that the network asks for. Only those of the last size are kept."""
        size = architecture.image_size or self.train.image_size
        if self._device_data is None or self._device_data.train.image_size != size:
            self._device_data = None  # frees its memory first
            self._device_data = DeviceData.of(
                self.train,
                self.validation,
                mirrored=self.mirrored,
                device=device,
                loaders=self.loaders,
                image_size=size,
            )
        return self._device_data

    def needs(self) -> Needs:
        """The needs of these trainings: images that stay on disk, and shared memory."""
        return Needs.of(self.train, self.validation, shared_bytes=self.shared_bytes)

    @property
    def folder(self) -> Path:
        """The absolute path of the folder of the results."""
        return self.results.path

    def checkpoint(self, task: TrialTask) -> Path:
        """The file in the folder from which an interrupted training continues."""
        return self.results.checkpoint(task)

    def writing_into(self, folder: Path) -> "TrialEvaluation":
        """The same evaluation with another folder of the results."""
        return replace(self, results=self.results.at(folder))

    @property
    def shared_bytes(self) -> int:
        """The bytes of shared memory that the loader processes of one training use."""
        batch = self.recipe.batch_size_for(len(self.train))
        return max(
            shared_bytes(self.train, batch=batch, loaders=self.loaders),
            shared_bytes(self.validation, batch=STREAMED_EVALUATION_BATCH, loaders=self.loaders),
        )

    def _identity(self, task: TrialTask) -> str:
        about = [task.architecture.fingerprint(), self.recipe.as_dict(), task.seed]
        return json.dumps([*about, self.images] if self.images else about)


def _load(path: Path, trainer: Trainer, identity: str) -> list[dict[str, Any]]:
    """Load the saved epochs and the state of `trainer` after them; none if the file is missing or of another task."""
    if path.is_file():
        with contextlib.suppress(InputError):
            return load_checkpoint(path, trainer, identity=identity)
    return []

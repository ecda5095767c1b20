"""How a worker evaluates a trial: build, train, report each epoch, write the result before the last report."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch

from se_nas.errors import WriteError
from se_nas.search.tasks import EpochReport, TrialTask
from se_nas.training.data import Part
from se_nas.training.device import pick_device, prepare
from se_nas.training.device_data import DeviceData
from se_nas.training.latency import measure_latency
from se_nas.training.recipe import Recipe
from se_nas.training.trainer import Trainer, build_initial_model, train


class Results(Protocol):
    """Where a worker writes what it has finished."""

    def write_finished(
        self, task: TrialTask, *, curve: Sequence[float], seconds: float, cost: Mapping[str, float]
    ) -> None:
        """A training's accuracy after each epoch, its seconds, and the costs that were measured."""


@dataclass(kw_only=True, slots=True)
class TrialEvaluation:
    """Evaluates tasks in one process; the images go to the device once, with the first task. It has no test images.

    `loaders` processes read images that stay on disk.

    Repeated with the same seed in the same numerics, a task gives the same result.
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
        curve: list[float] = []
        seconds = 0.0
        for result in train(trainer):
            curve.append(result.accuracy)
            seconds += result.seconds
            if result.epoch == self.recipe.epochs:
                with contextlib.suppress(
                    WriteError
                ):  # the driver, who hears of it next, writes too and ends the search
                    self.results.write_finished(task, curve=curve, seconds=seconds, cost=costs)
            yield EpochReport(epoch=result.epoch, accuracy=result.accuracy, seconds=result.seconds, costs=costs)

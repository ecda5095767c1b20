"""Trains one network, epoch by epoch. The same seed, device and precision give the same result."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from se_nas.data.batches.augmentation import draw_epoch
from se_nas.data.batches.device_data import DeviceData, DeviceImages
from se_nas.data.batches.rand_augment import Augment, RandAugment
from se_nas.errors import InputError
from se_nas.models.network import build_model
from se_nas.objective_metric import ACCURACY, ObjectiveMetric
from se_nas.seeds import derive_seed
from se_nas.space.architecture import Architecture
from se_nas.training.distributed import ALONE, ProcessGroup
from se_nas.training.learning_rate import learning_rate_at
from se_nas.training.recipe import Recipe
from se_nas.training.scoring import Scorer, Scores, scores_of
from se_nas.training.step.averaging import WeightAverage
from se_nas.training.step.cuda_graphs import Recorded, build_recorder
from se_nas.training.step.precision import Precision, choose_precision
from se_nas.training.step.step import Passes, Schedule, TrainingStep


class TrainingDivergedError(RuntimeError):
    """The loss is no longer a finite number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochResult:
    """The result of one epoch, counted from 1: mean training loss, accuracy on the evaluation images, seconds.

    `training_seconds` are the seconds without the evaluation; 0 in checkpoints of earlier versions. `other_score` is
    the objective metric on the evaluation images, if it is not the accuracy.
    """

    epoch: int
    loss: float
    accuracy: float
    seconds: float
    training_seconds: float = 0.0
    other_score: float | None = None

    @property
    def score(self) -> float:
        """The objective metric on the evaluation images."""
        return self.accuracy if self.other_score is None else self.other_score


def build_initial_model(architecture: Architecture, *, num_classes: int, seed: int) -> nn.Module:
    """Build the network with initial weights by `seed`. The global random state stays unchanged."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(derive_seed(seed, "initial weights"))
        return build_model(architecture, num_classes=num_classes)


class Trainer:
    """A training in progress: the model, its momentum, its average, and the number of finished epochs.

    Order and augmentation of epoch e depend on (seed, e) alone. So a checkpoint needs only weights, momentum, average,
    epoch and precision. If a `group` of processes trains, each has its own trainer, and all have equal weights.
    `passes` are those of a supernet.
    """

    def __init__(
        self,
        model: nn.Module,
        data: DeviceData,
        recipe: Recipe,
        *,
        seed: int,
        device: torch.device,
        group: ProcessGroup = ALONE,
        passes: Passes | None = None,
        metric: ObjectiveMetric = ACCURACY,
    ) -> None:
        self.model = model.to(device)
        self.recipe = recipe
        self._metric = metric
        self.epoch = 0
        self._data, self._seed, self._device, self._group, self._passes = data, seed, device, group, passes
        self.batch_size = recipe.batch_size_for(len(data.train))
        if self.batch_size < 2 * group.processes:
            raise InputError(f"{group.processes} processes: too many to share batches of {self.batch_size} images")
        self._steps_per_epoch = len(data.train) // self.batch_size
        self._adopt(
            group.agree(
                choose_precision(
                    self.model,
                    batch_size=self.batch_size // group.processes,
                    image_size=data.train.image_size,
                    steps=recipe.epochs * self._steps_per_epoch,
                    device=device,
                )
            )
        )

    def _adopt(self, precision: Precision) -> None:
        self.precision = precision
        self.model = precision.placed(self.model)
        self._average = WeightAverage(self.model) if self.recipe.ema_decay else None
        self._step = TrainingStep(
            self.model,
            self._data,
            self.recipe,
            precision,
            average=self._average,
            group=self._group,
            passes=self._passes,
        )
        alone = self._group.processes == 1  # it is not tested that a CUDA graph can record a sum over processes
        is_same = alone and self._passes is None  # a graph does the same passes in each step
        self._do_step = Recorded(self._step, build_recorder(self._device) if is_same else None)

    @property
    def device(self) -> torch.device:
        """The device that trains."""
        return self._device

    @property
    def image_size(self) -> int:
        """The side in pixels of the images that enter the network."""
        return self._data.train.image_size

    def prepared(self, images: Tensor) -> Tensor:
        """Convert images (B, S, S, 3), uint8, to what enters the network, (B, 3, S, S)."""
        return self._data.normalised(images).contiguous(memory_format=self.precision.layout)

    @property
    def images_per_epoch(self) -> int:
        """The training images of one epoch. The rest of the images, less than a batch, is left out."""
        return self._steps_per_epoch * self.batch_size

    @property
    def result(self) -> nn.Module:
        """The trained network: the average if the recipe has one, else the model itself."""
        return self.model if self._average is None else self._average.network

    def run_epoch(self) -> EpochResult:
        """Train one more epoch and evaluate. TrainingDivergedError if the loss is not finite."""
        began = time.perf_counter()
        loss = self.train_epoch()
        trained = time.perf_counter() - began
        scores = self.scores()
        return EpochResult(
            epoch=self.epoch,
            loss=loss,
            accuracy=scores.accuracy,
            seconds=time.perf_counter() - began,
            training_seconds=trained,
            other_score=None if self._metric is ACCURACY else scores.score,
        )

    def train_epoch(self) -> float:
        """Train one more epoch, and return its mean loss. TrainingDivergedError if the loss is not finite."""
        loss = self._train_epoch()
        if not math.isfinite(loss):
            raise TrainingDivergedError(f"the training loss became {loss} in epoch {self.epoch + 1}")
        self.epoch += 1
        return loss

    def evaluate(self, part: DeviceImages | None = None) -> float:
        """The accuracy of the result so far on the evaluation images, or on another part of the data."""
        return self.scores(part).accuracy

    def scores(self, part: DeviceImages | None = None) -> Scores:
        """Accuracy and objective metric of the result so far on the evaluation images, or on another part of the
        data."""
        part = self._data.evaluation if part is None else part
        model = self.result.eval()
        scorer = Scorer(self._metric, classes=len(self._data.class_counts), device=self._device)
        with torch.inference_mode(), self.precision.autocast(self._device):
            for images, labels in part.batches(self._group.rank, self._group.processes):
                scorer.add(model(self.prepared(images)), labels)
        return scores_of(self._group.total(scorer.counts), self._metric, images=len(part))

    def tensors(self) -> dict[str, Tensor]:
        """The weights, statistics, momentum and average by name, from which `restore` continues."""
        state = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        if self._average is not None:
            state |= {f"average.{name}": value for name, value in self._average.network.state_dict().items()}
        for name, parameter in self.model.named_parameters():
            if parameter in self._step.optimizer.momenta:
                state[f"momentum.{name}"] = self._step.optimizer.momenta[parameter]
        return state

    def restore(self, tensors: dict[str, Tensor], *, epoch: int, precision: Precision) -> None:
        """Continue from a checkpoint exactly where it was made."""
        self._adopt(precision)
        self.model.load_state_dict(_below("model.", tensors))
        if self._average is not None:
            self._average.network.load_state_dict(_below("average.", tensors))
        for name, parameter in self.model.named_parameters():
            if f"momentum.{name}" in tensors:
                buffer = torch.empty_like(parameter).copy_(tensors[f"momentum.{name}"])
                self._step.optimizer.momenta[parameter] = buffer
        self.epoch = epoch

    def _train_epoch(self) -> float:
        self.model.train()
        draws = draw_epoch(
            len(self._data.train),
            self.batch_size,
            image_size=self._data.train.image_size,
            mirror=self._data.mirrored,
            recipe=self.recipe,
            seed=self._seed,
            epoch=self.epoch,
        ).of_process(self._group.rank, self._group.processes)
        self._step.begin_epoch(draws, self._schedule())
        if self._passes is not None:
            self._passes.begin_epoch(self.epoch, self._steps_per_epoch)
        self._data.train.begin(draws.chosen, self._augment())
        for _ in range(self._steps_per_epoch):
            self._data.train.advance()
            self._do_step()
        self._group.average([each for each in self._statistics() if each.is_floating_point()])
        loss = torch.tensor(self._step.mean_loss, device=self._device)
        return float(self._group.total(loss)) / self._group.processes

    def _statistics(self) -> list[Tensor]:
        """The statistics of batch norm. Each process has those of its part of the images."""
        return [*self.model.buffers(), *(() if self._average is None else self._average.network.buffers())]

    def _augment(self) -> Augment | None:
        if not self.recipe.rand_augment_operations:
            return None
        return RandAugment(
            operations=self.recipe.rand_augment_operations,
            magnitude=self.recipe.rand_augment_magnitude,
            seed=derive_seed(self._seed, "rand augment", self.epoch, self._group.rank),
        )

    def _schedule(self) -> Schedule:
        first = self.epoch * self._steps_per_epoch
        rates = [
            learning_rate_at(
                self.recipe,
                first + step,
                steps=self.recipe.epochs * self._steps_per_epoch,
                steps_per_epoch=self._steps_per_epoch,
                batch_size=self.batch_size,
            )
            for step in range(self._steps_per_epoch)
        ]
        kept = [self.recipe.ema_decay_at(first + step) for step in range(self._steps_per_epoch)]
        return Schedule(rate=torch.tensor(rates), kept=torch.tensor(kept))


def train(trainer: Trainer) -> Iterator[EpochResult]:
    """Yield the results of the remaining epochs. The caller may stop the training after any epoch."""
    while trainer.epoch < trainer.recipe.epochs:
        yield trainer.run_epoch()


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}

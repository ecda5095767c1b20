"""Trains one network, epoch by epoch, reproducibly: same seed, device and numerics, same result."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from se_nas.models.network import build_model
from se_nas.seeds import derive_seed
from se_nas.space.architecture import Architecture
from se_nas.training.augmentation import draw_epoch
from se_nas.training.device_data import DeviceData, DeviceImages
from se_nas.training.numerics import Numerics, choose_numerics
from se_nas.training.recipe import Recipe
from se_nas.training.recording import Recorded, build_recorder
from se_nas.training.step import TrainingStep


class TrainingDivergedError(RuntimeError):
    """The loss is no longer a finite number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochResult:
    """One epoch, counted from 1: mean training loss, share of the evaluation images that are right, seconds."""

    epoch: int
    loss: float
    accuracy: float
    seconds: float


def build_initial_model(architecture: Architecture, *, num_classes: int, seed: int) -> nn.Module:
    """The network with the weights that `seed` gives it; the global generator is left as it was."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(derive_seed(seed, "initial weights"))
        return build_model(architecture, num_classes=num_classes)


class Trainer:
    """A training in progress: the model, its momentum, and the number of epochs done.

    Order and augmentation of epoch e depend on (seed, e) alone, so weights, momentum, epoch and numerics are all that
    a checkpoint needs.
    """

    def __init__(self, model: nn.Module, data: DeviceData, recipe: Recipe, *, seed: int, device: torch.device) -> None:
        self.model = model.to(device)
        self.recipe = recipe
        self.epoch = 0
        self._data, self._seed, self._device = data, seed, device
        self._batch_size = recipe.batch_size_for(len(data.train))
        self._steps_per_epoch = len(data.train) // self._batch_size
        self._adopt(
            choose_numerics(
                self.model,
                batch_size=self._batch_size,
                image_size=data.train.image_size,
                steps=recipe.epochs * self._steps_per_epoch,
                device=device,
            )
        )

    def _adopt(self, numerics: Numerics) -> None:
        self.numerics = numerics
        self.model = numerics.placed(self.model)
        self._step = TrainingStep(self.model, self._data, self.recipe, numerics)
        self._do_step = Recorded(self._step, build_recorder(self._device))

    def run_epoch(self) -> EpochResult:
        """Train one more epoch and evaluate; TrainingDivergedError when the loss is no number."""
        began = time.perf_counter()
        loss = self._train_epoch()
        if not math.isfinite(loss):
            raise TrainingDivergedError(f"the training loss became {loss} in epoch {self.epoch + 1}")
        self.epoch += 1
        accuracy = self.evaluate()
        seconds = time.perf_counter() - began
        return EpochResult(epoch=self.epoch, loss=loss, accuracy=accuracy, seconds=seconds)

    def evaluate(self, held_out: DeviceImages | None = None) -> float:
        """Share of the evaluation images, or of others, whose class the model names."""
        part = self._data.evaluation if held_out is None else held_out
        self.model.eval()
        correct = torch.zeros((), dtype=torch.int64, device=self._device)
        with torch.inference_mode(), self.numerics.precision(self._device):
            for images, labels in part.batches():
                images = self._data.normalised(images).contiguous(memory_format=self.numerics.layout)
                correct += (self.model(images).argmax(1) == labels).sum()
        return int(correct) / len(part)

    def tensors(self) -> dict[str, Tensor]:
        """Weights, statistics and momentum, by name: what `restore` takes back."""
        state = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        for name, parameter in self.model.named_parameters():
            momentum = self._step.optimizer.state[parameter].get("momentum_buffer")
            if momentum is not None:
                state[f"momentum.{name}"] = momentum
        return state

    def restore(self, tensors: dict[str, Tensor], *, epoch: int, numerics: Numerics) -> None:
        """Go on from a checkpoint exactly where it was made."""
        self._adopt(numerics)
        prefix = "model."
        self.model.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
        for name, parameter in self.model.named_parameters():
            if f"momentum.{name}" in tensors:
                buffer = torch.empty_like(parameter).copy_(tensors[f"momentum.{name}"])
                self._step.optimizer.state[parameter]["momentum_buffer"] = buffer
        self.epoch = epoch

    def _train_epoch(self) -> float:
        self.model.train()
        draws = draw_epoch(
            len(self._data.train),
            self._batch_size,
            image_size=self._data.train.image_size,
            mirror=self._data.mirrored,
            recipe=self.recipe,
            seed=self._seed,
            epoch=self.epoch,
        )
        self._step.begin_epoch(draws, torch.tensor(self._learning_rates()))
        self._data.train.begin(draws.chosen)
        for _ in range(self._steps_per_epoch):
            self._data.train.advance()
            self._do_step()
        return self._step.mean_loss

    def _learning_rates(self) -> list[float]:
        first = self.epoch * self._steps_per_epoch
        return [
            self.recipe.learning_rate_at(
                first + step,
                steps=self.recipe.epochs * self._steps_per_epoch,
                steps_per_epoch=self._steps_per_epoch,
                batch_size=self._batch_size,
            )
            for step in range(self._steps_per_epoch)
        ]


def train(trainer: Trainer) -> Iterator[EpochResult]:
    """Run what is left of the recipe; whoever listens may stop after any epoch by asking for no more."""
    while trainer.epoch < trainer.recipe.epochs:
        yield trainer.run_epoch()

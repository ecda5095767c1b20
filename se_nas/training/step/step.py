"""One training step on one device. The host decides nothing and waits for nothing, so a CUDA graph can replay it."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from se_nas.data.batches.augmentation import Draws, cut_out, mix, shift_and_mirror
from se_nas.data.batches.device_data import DeviceData
from se_nas.training.distributed import ALONE, ProcessGroup
from se_nas.training.recipe import Recipe
from se_nas.training.step.averaging import WeightAverage
from se_nas.training.step.precision import Precision
from se_nas.training.step.sgd import Sgd


class Schedule(NamedTuple):
    """The learning rate of each of an epoch's T steps, and the fraction of itself that the weights' average keeps."""

    rate: Tensor
    kept: Tensor


class Passes(Protocol):
    """Prepares the network for each forward pass of a step, e.g. switches a part of it off."""

    def begin_epoch(self, epoch: int, steps: int) -> None:
        """Begin an epoch, counted from 0, of so many steps."""

    def of_step(self) -> Iterator[float]:
        """Prepare the network for each pass of the next step, and yield the weight of the pass's loss."""


class TrainingStep:
    """Takes the next batch, augments it and trains on it. The step's index in the epoch is counted on the device.

    `average` follows the weights unless it is None. Without `passes`, a step has one pass. With several, their
    gradients are summed.
    """

    def __init__(
        self,
        model: nn.Module,
        data: DeviceData,
        recipe: Recipe,
        precision: Precision,
        *,
        average: WeightAverage | None = None,
        group: ProcessGroup = ALONE,
        passes: Passes | None = None,
    ) -> None:
        self._model, self._data, self._recipe, self._precision = model, data, recipe, precision
        self._average, self._group, self._passes = average, group, passes
        self._device = data.train.device
        self._rate = torch.zeros((), device=self._device)
        self._index = torch.zeros(1, dtype=torch.int64, device=self._device)
        self._total_loss = torch.zeros((), device=self._device)
        self._epoch: tuple[Draws, Schedule] | None = None
        self._class_weights = data.balanced_weights() if recipe.class_weights == "balanced" else None
        self.optimizer = Sgd(
            list(model.parameters()), rate=self._rate, momentum=recipe.momentum, weight_decay=recipe.weight_decay
        )

    def begin_epoch(self, draws: Draws, schedule: Schedule) -> None:
        """Begin an epoch with these draws, learning rates and fractions of the average.

        They overwrite those of the last epoch, because a CUDA graph reads this memory.
        """
        if self._epoch is None:
            self._epoch = (
                Draws(*(each.to(self._device, copy=True) for each in draws)),
                Schedule(*(each.to(self._device, copy=True) for each in schedule)),
            )
        else:
            for held, each in zip((*self._epoch[0], *self._epoch[1]), (*draws, *schedule), strict=True):
                held.copy_(each)
        self._index.zero_()
        self._total_loss.zero_()

    @property
    def mean_loss(self) -> float:
        """The mean loss of the epoch so far. Waits for the device."""
        return float(self._total_loss) / max(1, int(self._index))

    def __call__(self) -> None:
        """Do the next step of the epoch."""
        assert self._epoch is not None
        draws = Draws(*(each.index_select(0, self._index)[0] for each in self._epoch[0]))
        now = Schedule(*(each.index_select(0, self._index)[0] for each in self._epoch[1]))
        images, labels = self._data.train.take(draws.chosen)
        images = self._data.normalised(shift_and_mirror(images, draws.shift, draws.mirrored))
        if self._recipe.cutout:
            images = cut_out(images, draws.hole, self._recipe.cutout)
        if self._recipe.mixes:
            images = mix(images, draws.share, draws.patch)
        images = images.contiguous(memory_format=self._precision.layout)
        self.optimizer.forget_gradients()
        for weight in (1.0,) if self._passes is None else self._passes.of_step():
            with self._precision.autocast(self._device):
                loss = self._loss(self._precision.forward(self._model, images), labels, draws.share)
            if weight != 1.0:
                loss = weight * loss
            loss.backward()  # type: ignore[no-untyped-call]
            self._total_loss += loss.detach()
        self._group.average([weight.grad for weight in self._model.parameters() if weight.grad is not None])
        self._rate.copy_(now.rate)
        self.optimizer.step()
        if self._average is not None:
            self._average.follow(now.kept)
        self._index += 1

    def _loss(self, logits: Tensor, labels: Tensor, share: Tensor) -> Tensor:
        """The mean loss of a batch. With class weights, each image counts with the weight of its class.

        The weights are not divided by their sum over the batch, as torch does. So a rare image counts equally in each
        batch, and in each process of a group.
        """

        def against(wanted: Tensor) -> Tensor:
            smoothing = self._recipe.label_smoothing
            if self._class_weights is None:
                return F.cross_entropy(logits, wanted, label_smoothing=smoothing)
            losses = F.cross_entropy(logits, wanted, label_smoothing=smoothing, reduction="none")
            return (losses * self._class_weights[wanted]).mean()

        if not self._recipe.mixes:
            return against(labels)
        return share * against(labels) + (1 - share) * against(labels.flip(0))

"""Chooses the memory layout and the number format of a training: the device's usual choice, or the fastest by
measurement.

The fastest choice depends on the network and the device. Channels last takes 0.6 to 0.75 of the step's time on a CPU,
but is slower for wide groups on some GPUs (huggingface/pytorch-image-models, results/benchmark-train-amp-nhwc*.csv).
"""

import copy
import statistics
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from se_nas.training.devices.device import has_bf16_units
from se_nas.training.devices.timing import seconds_in_turn
from se_nas.training.step.cast_weights import call_with_cast_weights
from se_nas.training.step.cuda_graphs import WARM_UP_STEPS, Recorded, Step, build_recorder

REPEATS = 5
WORTHWHILE = 0.9
"""Another choice must take less than this fraction of the usual choice's time, so repeated runs seldom differ."""
SHARE = 0.01
"""The fraction of a training's steps that the measurement may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """The memory layout and the number format. `bf16` means autocast: weights stay in single precision."""

    channels_last: bool
    bf16: bool

    @property
    def layout(self) -> torch.memory_format:
        """The layout as a value of torch."""
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def placed(self, model: nn.Module) -> nn.Module:
        """The same model with its weights in this layout."""
        return model.to(memory_format=self.layout)

    def autocast(self, device: torch.device) -> AbstractContextManager[object]:
        """The context for a forward pass."""
        return torch.autocast(device.type, torch.bfloat16) if self.bf16 else nullcontext()

    def forward(self, model: nn.Module, images: Tensor) -> Tensor:
        """Compute `model(images)` for a training step; call it under `autocast`."""
        logits: Tensor = call_with_cast_weights(model, images) if self.bf16 else model(images)
        return logits


def usual_precision(device: torch.device) -> Precision:
    """The usual choice: bf16 on a GPU that has units for it, else single precision. A GPU without such units uses
    contiguous memory; all other devices use channels last."""
    bf16 = device.type == "cuda" and has_bf16_units(device)
    return Precision(channels_last=device.type == "cpu" or bf16, bf16=bf16)


def choose_precision(
    model: nn.Module, *, batch_size: int, image_size: int, steps: int, device: torch.device
) -> Precision:
    """The fastest precision for training `model`, by measurement; the usual precision if `steps` are too few for it."""
    choices = possible_precisions(device)
    if steps * SHARE < len(choices) * (WARM_UP_STEPS + 1 + REPEATS):
        return choices[0]
    try:
        images = torch.zeros(batch_size, 3, image_size, image_size, device=device)
        return fastest(choices, _measure(choices, model, images))
    except torch.OutOfMemoryError:  # all candidates are in memory at once
        return choices[0]


def possible_precisions(device: torch.device) -> list[Precision]:
    """The precisions that `device` supports, the usual one first."""
    usual = usual_precision(device)
    formats = (True, False) if has_bf16_units(device) else (False,)
    every = [Precision(channels_last=layout, bf16=bf16) for layout in (True, False) for bf16 in formats]
    return [usual, *(choice for choice in every if choice != usual)]


def fastest(choices: list[Precision], seconds: list[float]) -> Precision:
    """The fastest choice if it is clearly faster than the first, else the first."""
    best = min(range(len(choices)), key=seconds.__getitem__)
    return choices[best] if seconds[best] < WORTHWHILE * seconds[0] else choices[0]


def bare_step(model: nn.Module, choice: Precision, images: Tensor) -> Step:
    """A step with forward and backward pass of `model` on `images` (B, 3, S, S) by `choice`, without an optimizer."""
    trained = choice.placed(model).train()
    placed = images.to(memory_format=choice.layout)
    labels = torch.zeros(len(images), dtype=torch.int64, device=images.device)

    def step() -> None:
        trained.zero_grad()
        with choice.autocast(images.device):
            loss = F.cross_entropy(choice.forward(trained, placed), labels)
        loss.backward()  # type: ignore[no-untyped-call]

    return step


def _measure(choices: list[Precision], model: nn.Module, images: Tensor) -> list[float]:
    """The median seconds of a step for each choice. The choices take turns."""
    device = images.device
    candidates = [
        Recorded(bare_step(copy.deepcopy(model), choice, images), build_recorder(device)) for choice in choices
    ]
    times = seconds_in_turn(candidates, device, warm_ups=WARM_UP_STEPS + 1, repeats=REPEATS)
    return [statistics.median(seconds) for seconds in times]

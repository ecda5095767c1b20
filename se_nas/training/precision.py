"""In which memory layout and number format a network trains: what usually gains, or what was measured to.

What gains depends on the network and the device: channels last is 0.6 to 0.75 of the step on a CPU, but slower for
wide groups on some GPUs (huggingface/pytorch-image-models, results/benchmark-train-amp-nhwc*.csv).
"""

import copy
import statistics
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from se_nas.training.cast_weights import call_with_cast_weights
from se_nas.training.cuda_graphs import WARM_UP_STEPS, Recorded, Step, build_recorder
from se_nas.training.devices.device import has_bf16_units
from se_nas.training.devices.timing import seconds_in_turn

REPEATS = 5
WORTHWHILE = 0.9
"""Of the usual choice's time; what gains less is left alone, so that a repetition seldom chooses otherwise."""
SHARE = 0.01
"""Of a training's steps that measuring may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """`bf16` is autocast: weights stay in single precision."""

    channels_last: bool
    bf16: bool

    @property
    def layout(self) -> torch.memory_format:
        """What torch calls it."""
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def placed(self, model: nn.Module) -> nn.Module:
        """The same model, its weights in this layout."""
        return model.to(memory_format=self.layout)

    def autocast(self, device: torch.device) -> AbstractContextManager[object]:
        """What a forward pass runs under."""
        return torch.autocast(device.type, torch.bfloat16) if self.bf16 else nullcontext()

    def forward(self, model: nn.Module, images: Tensor) -> Tensor:
        """`model(images)` for a training step, under `precision`."""
        logits: Tensor = call_with_cast_weights(model, images) if self.bf16 else model(images)
        return logits


def usual_precision(device: torch.device) -> Precision:
    """Single precision on a CPU; on a GPU bf16 if it has units for it. Channels last but on a GPU without them."""
    bf16 = device.type == "cuda" and has_bf16_units(device)
    return Precision(channels_last=device.type == "cpu" or bf16, bf16=bf16)


def choose_precision(
    model: nn.Module, *, batch_size: int, image_size: int, steps: int, device: torch.device
) -> Precision:
    """The fastest for training `model`, measured where that is a small share of its `steps`, else the usual ones."""
    choices = possible_precisions(device)
    if steps * SHARE < len(choices) * (WARM_UP_STEPS + 1 + REPEATS):
        return choices[0]
    try:
        images = torch.zeros(batch_size, 3, image_size, image_size, device=device)
        return fastest(choices, _measure(choices, model, images))
    except torch.OutOfMemoryError:  # all candidates are in memory at once
        return choices[0]


def possible_precisions(device: torch.device) -> list[Precision]:
    """What `device` can do, the usual first."""
    usual = usual_precision(device)
    formats = (True, False) if has_bf16_units(device) else (False,)
    every = [Precision(channels_last=layout, bf16=bf16) for layout in (True, False) for bf16 in formats]
    return [usual, *(choice for choice in every if choice != usual)]


def fastest(choices: list[Precision], seconds: list[float]) -> Precision:
    """The fastest choice if it beats the first by enough, else the first."""
    best = min(range(len(choices)), key=seconds.__getitem__)
    return choices[best] if seconds[best] < WORTHWHILE * seconds[0] else choices[0]


def bare_step(model: nn.Module, choice: Precision, images: Tensor) -> Step:
    """Forward and backward of `model`, placed as `choice` says, on `images` (B, 3, S, S); without optimizer."""
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
    """Seconds of a step by each choice: medians, taken in turn."""
    device = images.device
    candidates = [
        Recorded(bare_step(copy.deepcopy(model), choice, images), build_recorder(device)) for choice in choices
    ]
    times = seconds_in_turn(candidates, device, warm_ups=WARM_UP_STEPS + 1, repeats=REPEATS)
    return [statistics.median(seconds) for seconds in times]

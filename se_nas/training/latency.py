"""How long a network takes for one image, measured on the device that trains."""

import copy
import statistics
from collections.abc import Sequence
from functools import partial

import torch
from torch import nn

from se_nas.training.numerics import usual_numerics
from se_nas.training.timing import seconds_in_turn

BATCH = 1
WARMUPS = 10
REPEATS = 50


def measure_latency(model: nn.Module, *, image_size: int, device: torch.device) -> float:
    """Milliseconds of one forward pass in eval mode: the median of 50, batch of one, in the device's usual numerics."""
    (passes,) = passes_in_turn([model], image_size=image_size, device=device)
    return statistics.median(passes)


def passes_in_turn(models: Sequence[nn.Module], *, image_size: int, device: torch.device) -> list[list[float]]:
    """Milliseconds of each of 50 such passes, of several models in turn, so that they can be compared pass by pass."""
    numerics = usual_numerics(device)
    models = [numerics.placed(copy.deepcopy(model)).eval() for model in models]
    images = torch.zeros(BATCH, 3, image_size, image_size, device=device).to(memory_format=numerics.layout)
    with torch.inference_mode(), numerics.precision(device):
        runs = [partial(model, images) for model in models]
        seconds = seconds_in_turn(runs, device, warm_ups=WARMUPS, repeats=REPEATS)
    return [[1000 * each for each in passes] for passes in seconds]

"""Measures the time that a network takes for one image on the device that trains."""

import copy
from collections.abc import Sequence
from functools import partial

import torch
from torch import nn

from se_nas.training.devices.timing import seconds_in_turn
from se_nas.training.step.precision import usual_precision

BATCH = 1
WARMUPS = 10
REPEATS = 50


def passes_in_turn(models: Sequence[nn.Module], *, image_size: int, device: torch.device) -> list[list[float]]:
    """Milliseconds of each of 50 passes of each model: one image, in eval mode and the device's usual precision.

    The models take turns, so passes can be compared in pairs.
    """
    precision = usual_precision(device)
    models = [precision.placed(copy.deepcopy(model)).eval() for model in models]
    images = torch.zeros(BATCH, 3, image_size, image_size, device=device).to(memory_format=precision.layout)
    with torch.inference_mode(), precision.autocast(device):
        runs = [partial(model, images) for model in models]
        seconds = seconds_in_turn(runs, device, warm_ups=WARMUPS, repeats=REPEATS)
    return [[1000 * each for each in passes] for passes in seconds]

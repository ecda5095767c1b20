"""How long a network takes for one image, measured on the device that trains."""

import copy
import statistics

import torch
from torch import nn

from se_nas.training.numerics import usual_numerics
from se_nas.training.timing import seconds_in_turn

BATCH = 1
WARMUPS = 10
REPEATS = 50


def measure_latency(model: nn.Module, *, image_size: int, device: torch.device) -> float:
    """Milliseconds of one forward pass in eval mode: the median of 50, batch of one, in the device's usual numerics."""
    numerics = usual_numerics(device)
    model = numerics.placed(copy.deepcopy(model)).eval()
    images = torch.zeros(BATCH, 3, image_size, image_size, device=device).to(memory_format=numerics.layout)
    with torch.inference_mode(), numerics.precision(device):
        (seconds,) = seconds_in_turn([lambda: model(images)], device, warm_ups=WARMUPS, repeats=REPEATS)
    return 1000 * statistics.median(seconds)

"""How long a network takes for one image, measured on the device that trains."""

import copy
import statistics
import time

import torch
from torch import nn

from se_nas.training.device import synchronise
from se_nas.training.numerics import usual_numerics

BATCH = 1
WARMUPS = 10
REPEATS = 50


def measure_latency(model: nn.Module, *, image_size: int, device: torch.device) -> float:
    """Milliseconds of one forward pass in eval mode: the median of 50, batch of one, in the device's usual numerics."""
    numerics = usual_numerics(device)
    model = numerics.placed(copy.deepcopy(model)).eval()
    images = torch.zeros(BATCH, 3, image_size, image_size, device=device).to(memory_format=numerics.layout)
    times = []
    with torch.inference_mode(), numerics.precision(device):
        for _ in range(WARMUPS + REPEATS):
            began = time.perf_counter()
            model(images)
            synchronise(device)
            times.append(time.perf_counter() - began)
    return 1000 * statistics.median(times[WARMUPS:])

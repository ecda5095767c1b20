"""How long a network takes for one image, measured on the device that trains."""

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
    """Milliseconds of one forward pass in eval mode: the median of 50, batch of one. The model's mode is kept."""
    numerics = usual_numerics(device)
    images = torch.zeros(BATCH, 3, image_size, image_size, device=device).to(memory_format=numerics.layout)
    was_training = model.training
    model.eval()
    times = []
    with torch.inference_mode(), numerics.precision(device):
        for _ in range(WARMUPS + REPEATS):
            began = time.perf_counter()
            model(images)
            synchronise(device)
            times.append(time.perf_counter() - began)
    model.train(was_training)
    return 1000 * statistics.median(times[WARMUPS:])

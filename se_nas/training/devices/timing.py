"""Measures the time of several runs on a device. They take turns, so a machine that slows down affects all equally."""

import time
from collections.abc import Callable, Sequence

import torch

from se_nas.training.devices.device import synchronise


def seconds_in_turn(
    runs: Sequence[Callable[[], object]], device: torch.device, *, warm_ups: int, repeats: int
) -> list[list[float]]:
    """The seconds of each run's `repeats` calls. Each run first has `warm_ups` calls, which do not count."""
    taken: list[list[float]] = [[] for _ in runs]
    for _ in range(warm_ups + repeats):
        for run, seconds in zip(runs, taken, strict=True):
            synchronise(device)
            began = time.perf_counter()
            run()
            synchronise(device)
            seconds.append(time.perf_counter() - began)
    return [seconds[warm_ups:] for seconds in taken]

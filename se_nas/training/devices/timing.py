"""How long things take on a device, side by side: in turn, so that a machine that slows down slows all alike."""

import time
from collections.abc import Callable, Sequence

import torch

from se_nas.training.devices.device import synchronise


def seconds_in_turn(
    runs: Sequence[Callable[[], object]], device: torch.device, *, warm_ups: int, repeats: int
) -> list[list[float]]:
    """Seconds of each run's `repeats` calls, after `warm_ups` calls of each that do not count."""
    taken: list[list[float]] = [[] for _ in runs]
    for _ in range(warm_ups + repeats):
        for run, seconds in zip(runs, taken, strict=True):
            synchronise(device)
            began = time.perf_counter()
            run()
            synchronise(device)
            seconds.append(time.perf_counter() - began)
    return [seconds[warm_ups:] for seconds in taken]

"""The metrics of a training: numbers that trackers and `trials.csv` show beside its accuracy and its costs.

No search minimises a metric. Each is one entry of `METRICS`, whose name ends in the unit where there is one.
"""

import math
from collections.abc import Callable

import torch

from se_nas.objective_metric import ACCURACY
from se_nas.training.trainer import EpochResult, Trainer

Measure = Callable[[Trainer, EpochResult], float | None]
"""The metric after an epoch; None if this device does not have it."""


def measure_metrics(trainer: Trainer, result: EpochResult) -> dict[str, float | None]:
    """Every metric after an epoch, by name. A value that is not finite is None.

    The accuracy is among them if another metric scores the trials.
    """
    values = {name: measure(trainer, result) for name, measure in METRICS.items()}
    if result.other_score is not None:
        values[ACCURACY.value] = result.accuracy
    return {
        name: float(value) if value is not None and math.isfinite(value) else None for name, value in values.items()
    }


def begin_metrics(device: torch.device) -> None:
    """Start to measure a new training on the device."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def _images_per_second(trainer: Trainer, result: EpochResult) -> float | None:
    """The training images of an epoch divided by the seconds without evaluation. Earlier checkpoints lack these."""
    return trainer.images_per_epoch / result.training_seconds if result.training_seconds else None


def _peak_gpu_gib(trainer: Trainer, result: EpochResult) -> float | None:
    """The most GPU memory that tensors have taken at a time since the training began."""
    if trainer.device.type != "cuda":
        return None
    return torch.cuda.max_memory_allocated(trainer.device) / 2**30


METRICS: dict[str, Measure] = {
    "training_loss": lambda trainer, result: result.loss,
    "images_per_second": _images_per_second,
    "peak_gpu_gib": _peak_gpu_gib,
}

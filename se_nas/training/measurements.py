"""The measurements of costs that only a device can measure, by the name of the cost (`se_nas.costs`).

Each has one entry.
"""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import torch
from torch import nn

from se_nas.training.latency import passes_in_turn


class Measurement(Protocol):
    """Measures a cost of several networks on a device, several times each.

    The networks take turns, so that values of equal place can be compared in pairs.
    """

    def __call__(
        self, models: Sequence[nn.Module], *, image_size: int, device: torch.device
    ) -> Sequence[Sequence[float]]:
        """The values of each model, equally many for each, in the unit of the cost. The models stay as they are."""


MEASUREMENTS: dict[str, Measurement] = {
    "latency": passes_in_turn,
}


def measure_costs(names: Iterable[str], model: nn.Module, *, image_size: int, device: torch.device) -> dict[str, float]:
    """The median of each of these costs of one model, by name."""
    return {
        name: statistics.median(values)
        for name, (values,) in measured_in_turn(names, [model], image_size=image_size, device=device).items()
    }


def measured_in_turn(
    names: Iterable[str], models: Sequence[nn.Module], *, image_size: int, device: torch.device
) -> Mapping[str, Sequence[Sequence[float]]]:
    """All values of these costs, by name and model."""
    return {name: MEASUREMENTS[name](models, image_size=image_size, device=device) for name in names}

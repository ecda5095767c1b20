"""The measurements of costs that only a device can measure: `MEASUREMENTS` has one entry for each, by its name in
`se_nas.costs`."""

import math
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
        """The values of each model, in the unit of the cost: at least `FEWEST_VALUES` and equally many for each.

        The models stay as they are.
        """


FEWEST_VALUES = 6
"""The fewest values whose median has a 95 % interval without an assumption on their distribution: 2 / 2⁶ < 5 %."""

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
    """All values of these costs, by name and model. ValueError if a measurement breaks its protocol."""
    return {
        name: _checked(name, MEASUREMENTS[name](models, image_size=image_size, device=device), models=len(models))
        for name in names
    }


def _checked(name: str, values: Sequence[Sequence[float]], *, models: int) -> Sequence[Sequence[float]]:
    counts = [len(of_model) for of_model in values]
    if len(counts) != models or len(set(counts)) > 1 or min(counts) < FEWEST_VALUES:
        raise ValueError(
            f"the measurement of {name} must give equally many values for each of {models} models, at least "
            f"{FEWEST_VALUES}, but gave {counts}"
        )
    if not all(math.isfinite(value) for of_model in values for value in of_model):
        raise ValueError(f"the measurement of {name} must give finite numbers, but gave {values}")
    return values

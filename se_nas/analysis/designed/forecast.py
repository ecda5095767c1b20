"""Forecasts of the trainings that an experiment needs: before it has begun, and from what it has found so far."""

import math

import numpy as np

from se_nas.analysis.designed.fractions import Design
from se_nas.analysis.designed.simultaneous import half_widths


def expected_half_width(design: Design, *, size: int, columns: int, trainings: int, deviation: float) -> float:
    """Half the width of the simultaneous intervals of the main effects after a number of trainings.

    One seed takes `size` trainings, of which the points of the design give the main effects. The model has `columns`
    beside its seeds. A training deviates by `deviation`. The trainings must be at least two seeds.
    """
    seeds = trainings / size
    freedom = max(1, trainings - columns - math.ceil(seeds))
    variance = 4 * deviation**2 / (len(design.points) * seeds)
    freedoms = np.full(design.factors, float(freedom))
    return float(half_widths(variance * np.eye(design.factors), freedoms).max())


def expected_trainings(design: Design, *, size: int, columns: int, until: float, deviation: float, most: int) -> int:
    """The number of trainings after which these intervals have half a width of `until`, at most `most`."""
    low, high = 2 * size, max(2 * size, most)
    while low < high:
        middle = (low + high) // 2
        width = expected_half_width(design, size=size, columns=columns, trainings=middle, deviation=deviation)
        low, high = (low, middle) if width <= until else (middle + 1, high)
    return low


def trainings_needed(trainings: int, *, half_width: float, wanted: float) -> float:
    """The number of trainings after which half a width is as wanted. It falls with their square root."""
    return math.inf if wanted <= 0 else trainings * (half_width / wanted) ** 2


def rounded_trainings(trainings: float) -> str:
    """A forecast number of trainings as a text, with two digits.

    >>> rounded_trainings(7.2), rounded_trainings(1234), rounded_trainings(math.inf)
    ('8', '1,300', 'more than 100,000')
    """
    if trainings > 100_000:
        return "more than 100,000"
    step = 10 ** max(0, math.floor(math.log10(max(trainings, 1))) - 1)
    return f"{math.ceil(trainings / step) * step:,}"

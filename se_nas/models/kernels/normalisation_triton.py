"""Batch norm by kernels for a GPU, together with the sum and the ReLU that follow it.

A map in channels-last memory is a matrix in which each row is a pixel. For a small map, one program takes all rows of a
few channels: one launch forward and one backward. For a larger map, programs share the rows. The first launch stores
the statistics of each part; the second combines them, always in the same order; the third applies them.
"""

from typing import NamedTuple

import torch
import triton
from torch import Tensor

from se_nas.models.kernels.memory import vectors
from se_nas.models.kernels.normalisation_kernels import (
    apply_kernel,
    finish_slopes_kernel,
    finish_statistics_kernel,
    slopes_kernel,
    statistics_kernel,
    to_features_kernel,
    whole_backward_kernel,
    whole_forward_kernel,
)

TILE_NUMBERS = 4096
"""The number of elements that a program holds at a time if several programs share its channels."""
TILE_CHANNELS = 64
WHOLE_NUMBERS, WHOLE_CHANNELS = 16_384, 8
"""The most elements of one program that takes all rows of its channels; the least number of these channels."""
PROGRAMS = 1_024
"""The number of programs that share a map: a few for each multiprocessor of a large GPU."""
MOST_PARTS = 512
"""The most parts that the second launch combines."""
FINISHED_CHANNELS = 16
WARPS_OF_WHOLE = 8


class Statistics(NamedTuple):
    """The statistics of a batch for each channel: `mean` (C,) and `scale` (C,), the inverse standard deviation."""

    mean: Tensor
    scale: Tensor


class Running(NamedTuple):
    """The running `mean` (C,) and unbiased `variance` (C,), moved towards each batch's by the factor `momentum`."""

    mean: Tensor
    variance: Tensor
    momentum: float


def forward(
    features: Tensor, added: Tensor | None, weight: Tensor, bias: Tensor, running: Running,
    *, epsilon: float, relu: bool,
) -> tuple[Tensor, Statistics]:  # fmt: skip
    """Normalise features (N, C, H, W) in channels-last memory by their own statistics, and update `running`.

    Then add `added` unless it is None, and apply a ReLU if `relu` is true.
    """
    result = torch.empty_like(features)
    statistics = Statistics(*(torch.empty_like(weight) for _ in Statistics._fields))
    rows, channels = _matrix(features)
    other = features if added is None else added
    does = {"RELU": relu, "ADDED": added is not None}
    if (whole := _whole(rows)) is not None:
        whole_forward_kernel[(1, triton.cdiv(channels, whole["CHANNELS"]))](
            features, other, weight, bias, running.mean, running.variance, result, *statistics, rows,
            **vectors(channels), **whole, **does, momentum=running.momentum, epsilon=epsilon,
        )  # fmt: skip
        return result, statistics
    shared = _shared(channels)
    grid, parts = _grid(rows, channels, shared)
    counts, means, spreads = (weight.new_empty(shape) for shape in ((parts,), (parts, channels), (parts, channels)))
    statistics_kernel[(parts, grid[1])](features, counts, means, spreads, rows, **vectors(channels), **shared)
    finish_statistics_kernel[_finishing_grid(channels)](
        counts, means, spreads, running.mean, running.variance, *statistics, rows,
        **vectors(channels), **_finishing(parts), momentum=running.momentum, epsilon=epsilon,
    )  # fmt: skip
    apply_kernel[grid](features, other, weight, bias, *statistics, result, rows, **vectors(channels), **shared, **does)
    return result, statistics


def backward(
    gradient: Tensor, features: Tensor, result: Tensor | None, weight: Tensor, bias: Tensor, statistics: Statistics,
    *, relu: bool,
) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:  # fmt: skip
    """Compute the gradients of features, added map, weight and bias. `result` is None if no map was added."""
    gradient = gradient.contiguous(memory_format=torch.channels_last)
    to_features, to_weight, to_bias = torch.empty_like(features), torch.empty_like(weight), torch.empty_like(bias)
    to_added = None if result is None else torch.empty_like(features)
    rows, channels = _matrix(features)
    known = (features, features if result is None else result, weight, bias, *statistics)
    masked = features if to_added is None else to_added
    does = {"RELU": relu, "ADDED": result is not None}
    if (whole := _whole(rows)) is not None:
        whole_backward_kernel[(1, triton.cdiv(channels, whole["CHANNELS"]))](
            gradient, *known, to_features, masked, to_weight, to_bias, rows, **vectors(channels), **whole, **does
        )
        return to_features, to_added, to_weight, to_bias
    shared = _shared(channels)
    grid, parts = _grid(rows, channels, shared)
    shifts, gains = (weight.new_empty(parts, channels) for _ in range(2))
    slopes_kernel[(parts, grid[1])](
        gradient, *known, masked, shifts, gains, rows, **vectors(channels), **shared, **does
    )
    finish_slopes_kernel[_finishing_grid(channels)](
        shifts, gains, to_weight, to_bias, **vectors(channels), **_finishing(parts)
    )
    to_features_kernel[grid](
        gradient if to_added is None else to_added, features, weight, bias, *statistics, to_weight, to_bias,
        to_features, rows, **vectors(channels), **shared, RELU=relu and to_added is None,
    )  # fmt: skip
    return to_features, to_added, to_weight, to_bias


def _matrix(features: Tensor) -> tuple[int, int]:
    """The numbers of rows and columns of the map as a matrix."""
    images, channels, height, width = features.shape
    return images * height * width, channels


def _whole(rows: int) -> dict[str, int] | None:
    """The tile of a program that takes all rows; None if there are too many rows."""
    tall = triton.next_power_of_2(rows)
    if tall * WHOLE_CHANNELS > WHOLE_NUMBERS:
        return None
    return {"ROWS": tall, "CHANNELS": min(32, WHOLE_NUMBERS // tall), "num_warps": WARPS_OF_WHOLE}


def _shared(channels: int) -> dict[str, int]:
    """The tile of a program that shares its channels with other programs."""
    wide = min(TILE_CHANNELS, triton.next_power_of_2(channels))
    return {"ROWS": TILE_NUMBERS // wide, "CHANNELS": wide}


def _grid(rows: int, channels: int, tile: dict[str, int]) -> tuple[tuple[int, int], int]:
    """The grid of programs with one tile each, and the number of parts into which the rows are divided for sums."""
    across, along = triton.cdiv(channels, tile["CHANNELS"]), triton.cdiv(rows, tile["ROWS"])
    return (along, across), min(along, MOST_PARTS, max(1, PROGRAMS // across))


def _finishing(parts: int) -> dict[str, int]:
    return {"parts": parts, "PARTS": triton.next_power_of_2(parts), "CHANNELS": FINISHED_CHANNELS}


def _finishing_grid(channels: int) -> tuple[int, int]:
    return 1, triton.cdiv(channels, FINISHED_CHANNELS)

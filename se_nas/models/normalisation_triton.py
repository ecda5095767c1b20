"""Batch norm's kernels for a GPU, with what follows it: a sum and a ReLU.

A map in channels-last memory is a matrix, a row a pixel. A small one is held by one program for each few channels: one
launch forward and one backward. A larger one is shared out among programs by rows, which leave their part of the
statistics for a second launch to put together, always in the same order; a third one applies them.
"""

from typing import NamedTuple

import torch
import triton
from torch import Tensor

from se_nas.models.kernels import vectors
from se_nas.models.normalisation_kernels import (
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
"""Numbers of the map that a program holds at a time, when it is one of many for the same channels."""
TILE_CHANNELS = 64
WHOLE_NUMBERS, WHOLE_CHANNELS = 16_384, 8
"""What one program may hold to do all rows of as many channels, at least, by itself."""
PROGRAMS = 1_024
"""That share a map: a few for each multiprocessor of a large GPU."""
MOST_PARTS = 512
"""That the second launch puts together."""
FINISHED_CHANNELS = 16
WARPS_OF_WHOLE = 8


class Statistics(NamedTuple):
    """Of a batch, by channel (C,): `mean`, and `scale`, the inverse of the deviation."""

    mean: Tensor
    scale: Tensor


class Running(NamedTuple):
    """What is moved by a share of `momentum` to each batch's `mean` (C,) and unbiased `variance` (C,)."""

    mean: Tensor
    variance: Tensor
    momentum: float


def forward(
    features: Tensor, added: Tensor | None, weight: Tensor, bias: Tensor, running: Running,
    *, epsilon: float, relu: bool,
) -> tuple[Tensor, Statistics]:  # fmt: skip
    """Features (N, C, H, W) in channels-last memory, normalised by their own statistics; `running` is moved to them.

    Then come the sum with `added`, if there is such, and the ReLU, if there is to be one.
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
    """Gradients of features, of what was added, of weight and bias. `result` is given where something was added."""
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
    """Rows and columns of the map as a matrix."""
    images, channels, height, width = features.shape
    return images * height * width, channels


def _whole(rows: int) -> dict[str, int] | None:
    """The tile of one program for all rows; None where they are too many."""
    tall = triton.next_power_of_2(rows)
    if tall * WHOLE_CHANNELS > WHOLE_NUMBERS:
        return None
    return {"ROWS": tall, "CHANNELS": min(32, WHOLE_NUMBERS // tall), "num_warps": WARPS_OF_WHOLE}


def _shared(channels: int) -> dict[str, int]:
    """The tile of a program that has others beside it for the same channels."""
    wide = min(TILE_CHANNELS, triton.next_power_of_2(channels))
    return {"ROWS": TILE_NUMBERS // wide, "CHANNELS": wide}


def _grid(rows: int, channels: int, tile: dict[str, int]) -> tuple[tuple[int, int], int]:
    """Programs a tile each, and into how many parts the rows go for their sums."""
    across, along = triton.cdiv(channels, tile["CHANNELS"]), triton.cdiv(rows, tile["ROWS"])
    return (along, across), min(along, MOST_PARTS, max(1, PROGRAMS // across))


def _finishing(parts: int) -> dict[str, int]:
    return {"parts": parts, "PARTS": triton.next_power_of_2(parts), "CHANNELS": FINISHED_CHANNELS}


def _finishing_grid(channels: int) -> tuple[int, int]:
    return 1, triton.cdiv(channels, FINISHED_CHANNELS)

"""Batch norm's kernels for a GPU, with what follows it: a sum and a ReLU.

A map in channels-last memory is a matrix, a row a pixel. A small one is held by one program for each few channels: one
launch forward and one backward. A larger one is shared out among programs by rows, which leave their part of the
statistics for a second launch to put together, always in the same order; a third one applies them.
"""

from typing import NamedTuple

import torch
import triton
from torch import Tensor
from triton import language as tl

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
UNSPECIALISED = ["rows", "vectors"]
"""Arguments whose value is not compiled in: networks differ in them."""


class Statistics(NamedTuple):
    """Of a batch, by channel (C,): `mean`, and `scale`, the inverse of the deviation."""

    mean: Tensor
    scale: Tensor


class Running(NamedTuple):
    """What is moved by a share of `momentum` to each batch's `mean` (C,) and unbiased `variance` (C,)."""

    mean: Tensor
    variance: Tensor
    momentum: float


@triton.jit
def _tile(first, rows, channels, ROWS: tl.constexpr, CHANNELS: tl.constexpr):
    """Where the tile's numbers lie, which of them exist, and its channels."""
    r = first + tl.arange(0, ROWS)
    c = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    place = r.to(tl.int64)[:, None] * channels + c[None, :]
    return place, (r < rows)[:, None] & (c < channels)[None, :], c


@triton.jit
def _rectified(value):
    """ReLU that, as torch's, keeps what is no number: `tl.maximum` would hide that a training diverged."""
    return tl.where(value < 0.0, 0.0, value)


@triton.jit
def _normal(value, channel, weight, bias, mean, scale, real):
    """The normalised, scaled and shifted numbers of a tile, and those before scale and shift."""
    unit = (value - tl.load(mean + channel, mask=real)[None, :]) * tl.load(scale + channel, mask=real)[None, :]
    return unit * tl.load(weight + channel, mask=real)[None, :] + tl.load(bias + channel, mask=real)[None, :], unit


@triton.jit
def _remember(channel, real, average, spread, rows, momentum, epsilon, mean, scale, running_mean, running_variance):
    """Keep a batch's statistics, and move the running ones towards them; returns the scale."""
    inverse = 1.0 / tl.sqrt(spread / rows + epsilon)
    tl.store(mean + channel, average, mask=real)
    tl.store(scale + channel, inverse, mask=real)
    kept = tl.load(running_mean + channel, mask=real)
    tl.store(running_mean + channel, kept + momentum * (average - kept), mask=real)
    kept = tl.load(running_variance + channel, mask=real)
    tl.store(running_variance + channel, kept + momentum * (spread / (rows - 1.0) - kept), mask=real)
    return inverse


@triton.jit(do_not_specialize=UNSPECIALISED)
def _whole_forward_kernel(
    features, added, weight, bias, running_mean, running_variance, result, mean, scale,
    rows, vectors, momentum, epsilon,
    VECTOR: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr, RELU: tl.constexpr, ADDED: tl.constexpr,
):  # fmt: skip
    channels = vectors * VECTOR
    place, inside, c = _tile(0, rows, channels, ROWS, CHANNELS)
    real = c < channels
    value = tl.load(features + place, mask=inside, other=0.0).to(tl.float32)
    average = tl.sum(value, axis=0) / rows
    centred = tl.where(inside, value - average[None, :], 0.0)
    spread = tl.sum(centred * centred, axis=0)
    inverse = _remember(c, real, average, spread, rows, momentum, epsilon, mean, scale, running_mean, running_variance)
    value = centred * inverse[None, :]
    value = value * tl.load(weight + c, mask=real)[None, :] + tl.load(bias + c, mask=real)[None, :]
    if ADDED:
        value += tl.load(added + place, mask=inside, other=0.0).to(tl.float32)
    if RELU:
        value = _rectified(value)
    tl.store(result + place, value.to(result.dtype.element_ty), mask=inside)


@triton.jit(do_not_specialize=UNSPECIALISED)
def _statistics_kernel(
    features, counts, means, spreads, rows, vectors,
    VECTOR: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    channels = vectors * VECTOR
    part, parts = tl.program_id(0), tl.num_programs(0)
    place, inside, c = _tile(part * ROWS, rows, channels, ROWS, CHANNELS)
    value = tl.load(features + place, mask=inside, other=0.0).to(tl.float32)
    count = tl.minimum(rows - part * ROWS, ROWS)
    pivot = tl.sum(value, axis=0) / count  # near the mean, so that sums of squares lose no digits
    total = tl.where(inside, value - pivot[None, :], 0.0)
    squares = total * total
    for first in range((part + parts) * ROWS, rows, parts * ROWS):
        place, inside, _ = _tile(first, rows, channels, ROWS, CHANNELS)
        value = tl.load(features + place, mask=inside, other=0.0).to(tl.float32)
        centred = tl.where(inside, value - pivot[None, :], 0.0)
        total += centred
        squares += centred * centred
        count += tl.minimum(rows - first, ROWS)
    apart = tl.sum(total, axis=0) / count
    average, spread = pivot + apart, tl.sum(squares, axis=0) - apart * apart * count
    tl.store(counts + part, count.to(tl.float32))
    tl.store(means + part * channels + c, average, mask=c < channels)
    tl.store(spreads + part * channels + c, spread, mask=c < channels)


@triton.jit(do_not_specialize=[*UNSPECIALISED, "parts"])
def _finish_statistics_kernel(
    counts, means, spreads, running_mean, running_variance, mean, scale, rows, vectors, parts, momentum, epsilon,
    VECTOR: tl.constexpr, PARTS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    channels = vectors * VECTOR
    place, inside, c = _tile(0, parts, channels, PARTS, CHANNELS)
    p = tl.arange(0, PARTS)
    count = tl.load(counts + p, mask=p < parts, other=0.0)
    each = tl.load(means + place, mask=inside, other=0.0)
    average = tl.sum(each * count[:, None], axis=0) / rows
    apart = each - average[None, :]
    spread = tl.sum(tl.load(spreads + place, mask=inside, other=0.0) + count[:, None] * apart * apart, axis=0)
    _remember(c, c < channels, average, spread, rows, momentum, epsilon, mean, scale, running_mean, running_variance)


@triton.jit(do_not_specialize=UNSPECIALISED)
def _apply_kernel(
    features, added, weight, bias, mean, scale, result, rows, vectors,
    VECTOR: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr, RELU: tl.constexpr, ADDED: tl.constexpr,
):  # fmt: skip
    channels = vectors * VECTOR
    place, inside, c = _tile(tl.program_id(0) * ROWS, rows, channels, ROWS, CHANNELS)
    value = tl.load(features + place, mask=inside, other=0.0).to(tl.float32)
    value, _ = _normal(value, c, weight, bias, mean, scale, c < channels)
    if ADDED:
        value += tl.load(added + place, mask=inside, other=0.0).to(tl.float32)
    if RELU:
        value = _rectified(value)
    tl.store(result + place, value.to(result.dtype.element_ty), mask=inside)


@triton.jit
def _arriving(
    gradient, features, result, to_added, place, inside, c, real, weight, bias, mean, scale,
    RELU: tl.constexpr, ADDED: tl.constexpr,
):  # fmt: skip
    """The gradient before sum and ReLU, which is also that of what was added; and the normalised numbers."""
    arriving = tl.load(gradient + place, mask=inside, other=0.0).to(tl.float32)
    value = tl.load(features + place, mask=inside, other=0.0).to(tl.float32)
    value, unit = _normal(value, c, weight, bias, mean, scale, real)
    if RELU:
        if ADDED:
            value = tl.load(result + place, mask=inside, other=0.0).to(tl.float32)
        arriving = tl.where(value <= 0.0, 0.0, arriving)
    if ADDED:
        tl.store(to_added + place, arriving.to(to_added.dtype.element_ty), mask=inside)
    return arriving, tl.where(inside, unit, 0.0)


@triton.jit(do_not_specialize=UNSPECIALISED)
def _whole_backward_kernel(
    gradient, features, result, weight, bias, mean, scale, to_features, to_added, to_weight, to_bias, rows, vectors,
    VECTOR: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr, RELU: tl.constexpr, ADDED: tl.constexpr,
):  # fmt: skip
    channels = vectors * VECTOR
    place, inside, c = _tile(0, rows, channels, ROWS, CHANNELS)
    real = c < channels
    arriving, unit = _arriving(
        gradient, features, result, to_added, place, inside, c, real, weight, bias, mean, scale, RELU, ADDED
    )
    shift, gain = tl.sum(arriving, axis=0), tl.sum(arriving * unit, axis=0)
    tl.store(to_bias + c, shift, mask=real)
    tl.store(to_weight + c, gain, mask=real)
    slope = tl.load(weight + c, mask=real) * tl.load(scale + c, mask=real)
    value = slope[None, :] * (arriving - shift[None, :] / rows - unit * (gain[None, :] / rows))
    tl.store(to_features + place, value.to(to_features.dtype.element_ty), mask=inside)


@triton.jit(do_not_specialize=UNSPECIALISED)
def _slopes_kernel(
    gradient, features, result, weight, bias, mean, scale, to_added, shifts, gains, rows, vectors,
    VECTOR: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr, RELU: tl.constexpr, ADDED: tl.constexpr,
):  # fmt: skip
    channels = vectors * VECTOR
    part, parts = tl.program_id(0), tl.num_programs(0)
    c = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    real = c < channels
    shift = tl.zeros([ROWS, CHANNELS], dtype=tl.float32)
    gain = tl.zeros([ROWS, CHANNELS], dtype=tl.float32)
    for first in range(part * ROWS, rows, parts * ROWS):
        place, inside, _ = _tile(first, rows, channels, ROWS, CHANNELS)
        arriving, unit = _arriving(
            gradient, features, result, to_added, place, inside, c, real, weight, bias, mean, scale, RELU, ADDED
        )
        shift += arriving
        gain += arriving * unit
    tl.store(shifts + part * channels + c, tl.sum(shift, axis=0), mask=real)
    tl.store(gains + part * channels + c, tl.sum(gain, axis=0), mask=real)


@triton.jit(do_not_specialize=[*UNSPECIALISED, "parts"])
def _finish_slopes_kernel(
    shifts, gains, to_weight, to_bias, vectors, parts,
    VECTOR: tl.constexpr, PARTS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    channels = vectors * VECTOR
    place, inside, c = _tile(0, parts, channels, PARTS, CHANNELS)
    tl.store(to_bias + c, tl.sum(tl.load(shifts + place, mask=inside, other=0.0), axis=0), mask=c < channels)
    tl.store(to_weight + c, tl.sum(tl.load(gains + place, mask=inside, other=0.0), axis=0), mask=c < channels)


@triton.jit(do_not_specialize=UNSPECIALISED)
def _to_features_kernel(
    gradient, features, weight, bias, mean, scale, to_weight, to_bias, to_features, rows, vectors,
    VECTOR: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr, RELU: tl.constexpr,
):  # fmt: skip
    channels = vectors * VECTOR
    place, inside, c = _tile(tl.program_id(0) * ROWS, rows, channels, ROWS, CHANNELS)
    real = c < channels
    arriving, unit = _arriving(
        gradient, features, features, features, place, inside, c, real, weight, bias, mean, scale, RELU, False
    )
    slope = tl.load(weight + c, mask=real) * tl.load(scale + c, mask=real)
    shift, gain = tl.load(to_bias + c, mask=real) / rows, tl.load(to_weight + c, mask=real) / rows
    value = slope[None, :] * (arriving - shift[None, :] - unit * gain[None, :])
    tl.store(to_features + place, value.to(to_features.dtype.element_ty), mask=inside)


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
        _whole_forward_kernel[(1, triton.cdiv(channels, whole["CHANNELS"]))](
            features, other, weight, bias, running.mean, running.variance, result, *statistics, rows,
            **_vectors(channels), **whole, **does, momentum=running.momentum, epsilon=epsilon,
        )  # fmt: skip
        return result, statistics
    shared = _shared(channels)
    grid, parts = _grid(rows, channels, shared)
    counts, means, spreads = (weight.new_empty(shape) for shape in ((parts,), (parts, channels), (parts, channels)))
    _statistics_kernel[(parts, grid[1])](features, counts, means, spreads, rows, **_vectors(channels), **shared)
    _finish_statistics_kernel[_finishing_grid(channels)](
        counts, means, spreads, running.mean, running.variance, *statistics, rows,
        **_vectors(channels), **_finishing(parts), momentum=running.momentum, epsilon=epsilon,
    )  # fmt: skip
    _apply_kernel[grid](
        features, other, weight, bias, *statistics, result, rows, **_vectors(channels), **shared, **does
    )
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
        _whole_backward_kernel[(1, triton.cdiv(channels, whole["CHANNELS"]))](
            gradient, *known, to_features, masked, to_weight, to_bias, rows, **_vectors(channels), **whole, **does
        )
        return to_features, to_added, to_weight, to_bias
    shared = _shared(channels)
    grid, parts = _grid(rows, channels, shared)
    shifts, gains = (weight.new_empty(parts, channels) for _ in range(2))
    _slopes_kernel[(parts, grid[1])](
        gradient, *known, masked, shifts, gains, rows, **_vectors(channels), **shared, **does
    )
    _finish_slopes_kernel[_finishing_grid(channels)](
        shifts, gains, to_weight, to_bias, **_vectors(channels), **_finishing(parts)
    )
    _to_features_kernel[grid](
        gradient if to_added is None else to_added, features, weight, bias, *statistics, to_weight, to_bias,
        to_features, rows, **_vectors(channels), **shared, RELU=relu and to_added is None,
    )  # fmt: skip
    return to_features, to_added, to_weight, to_bias


def _matrix(features: Tensor) -> tuple[int, int]:
    """Rows and columns of the map as a matrix."""
    images, channels, height, width = features.shape
    return images * height * width, channels


def _vectors(channels: int) -> dict[str, int]:
    """Channels as so many vectors, which the memory is read and written by."""
    vector = 8 if channels % 8 == 0 else 1
    return {"vectors": channels // vector, "VECTOR": vector}


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

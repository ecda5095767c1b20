"""Batch norm as GPU programs in Triton's language. `normalisation_triton` launches them and documents their use.

The tile of a program has some rows of a map, which are pixels, and some channels. `program_id` 0 selects the rows,
`program_id` 1 the channels. Sums are computed in single precision.
"""

import triton
from triton import language as tl

UNSPECIALISED = ["rows", "vectors"]
"""Arguments whose values are not compiled into the kernel, because networks differ in them."""


@triton.jit
def _tile(first, rows, channels, ROWS: tl.constexpr, CHANNELS: tl.constexpr):
    """The places of the tile's elements in memory, which of them exist, and the tile's channels."""
    r = first + tl.arange(0, ROWS)
    c = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    place = r.to(tl.int64)[:, None] * channels + c[None, :]
    return place, (r < rows)[:, None] & (c < channels)[None, :], c


@triton.jit
def _rectified(value):
    """ReLU that keeps NaN, as torch's ReLU does. `tl.maximum` would hide that a training diverged."""
    return tl.where(value < 0.0, 0.0, value)


@triton.jit
def _normal(value, channel, weight, bias, mean, scale, real):
    """The elements of a tile after normalisation, scale and shift, and the elements before scale and shift."""
    unit = (value - tl.load(mean + channel, mask=real)[None, :]) * tl.load(scale + channel, mask=real)[None, :]
    return unit * tl.load(weight + channel, mask=real)[None, :] + tl.load(bias + channel, mask=real)[None, :], unit


@triton.jit
def _remember(channel, real, average, spread, rows, momentum, epsilon, mean, scale, running_mean, running_variance):
    """Store a batch's statistics and move the running statistics towards them. Returns the scale."""
    inverse = 1.0 / tl.sqrt(spread / rows + epsilon)
    tl.store(mean + channel, average, mask=real)
    tl.store(scale + channel, inverse, mask=real)
    kept = tl.load(running_mean + channel, mask=real)
    tl.store(running_mean + channel, kept + momentum * (average - kept), mask=real)
    kept = tl.load(running_variance + channel, mask=real)
    tl.store(running_variance + channel, kept + momentum * (spread / (rows - 1.0) - kept), mask=real)
    return inverse


@triton.jit(do_not_specialize=UNSPECIALISED)
def whole_forward_kernel(
    features, added, weight, bias, running_mean, running_variance, result, mean, scale,
    rows, vectors, momentum, epsilon,
    VECTOR: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr, RELU: tl.constexpr, ADDED: tl.constexpr,
):  # fmt: skip
    """Compute statistics, running statistics and result. One program takes all rows of its channels."""
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
def statistics_kernel(
    features, counts, means, spreads, rows, vectors,
    VECTOR: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """Store the number of the program's rows, their mean, and the sum of their squared differences from the mean."""
    channels = vectors * VECTOR
    part, parts = tl.program_id(0), tl.num_programs(0)
    place, inside, c = _tile(part * ROWS, rows, channels, ROWS, CHANNELS)
    value = tl.load(features + place, mask=inside, other=0.0).to(tl.float32)
    count = tl.minimum(rows - part * ROWS, ROWS)
    pivot = tl.sum(value, axis=0) / count  # close to the mean, so that sums of squares lose no digits
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
def finish_statistics_kernel(
    counts, means, spreads, running_mean, running_variance, mean, scale, rows, vectors, parts, momentum, epsilon,
    VECTOR: tl.constexpr, PARTS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """Combine the statistics of all parts (Chan et al., Stanford STAN-CS-79-773)."""
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
def apply_kernel(
    features, added, weight, bias, mean, scale, result, rows, vectors,
    VECTOR: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr, RELU: tl.constexpr, ADDED: tl.constexpr,
):  # fmt: skip
    """Compute a tile's result from known statistics."""
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
    """The gradient before sum and ReLU, and the normalised elements. The added map has the same gradient."""
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
def whole_backward_kernel(
    gradient, features, result, weight, bias, mean, scale, to_features, to_added, to_weight, to_bias, rows, vectors,
    VECTOR: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr, RELU: tl.constexpr, ADDED: tl.constexpr,
):  # fmt: skip
    """Compute every gradient. One program takes all rows of its channels."""
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
def slopes_kernel(
    gradient, features, result, weight, bias, mean, scale, to_added, shifts, gains, rows, vectors,
    VECTOR: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr, RELU: tl.constexpr, ADDED: tl.constexpr,
):  # fmt: skip
    """Store the program's part of the gradients of bias and weight, and the gradient of the added map."""
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
def finish_slopes_kernel(
    shifts, gains, to_weight, to_bias, vectors, parts,
    VECTOR: tl.constexpr, PARTS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """Sum the gradients of bias and weight over all parts."""
    channels = vectors * VECTOR
    place, inside, c = _tile(0, parts, channels, PARTS, CHANNELS)
    tl.store(to_bias + c, tl.sum(tl.load(shifts + place, mask=inside, other=0.0), axis=0), mask=c < channels)
    tl.store(to_weight + c, tl.sum(tl.load(gains + place, mask=inside, other=0.0), axis=0), mask=c < channels)


@triton.jit(do_not_specialize=UNSPECIALISED)
def to_features_kernel(
    gradient, features, weight, bias, mean, scale, to_weight, to_bias, to_features, rows, vectors,
    VECTOR: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr, RELU: tl.constexpr,
):  # fmt: skip
    """Compute the gradient of the features in a tile from the known gradients of bias and weight."""
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

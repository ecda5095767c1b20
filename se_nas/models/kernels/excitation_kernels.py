"""SE as GPU programs in Triton's language. `excitation_triton` launches them and documents their use.

The tile of a program has some channels and either a few images or some pixels of one image. `program_id` 0 selects the
images, `program_id` 1 the channels and `program_id` 2 the pixels.
"""

import triton
from triton import language as tl

PRECISION = tl.constexpr("tf32x3")
"""The precision of the gates' products: close to single precision, by three products of the tensor cores."""

UNSPECIALISED = ["images", "vectors", "pixels"]
"""Arguments whose values are not compiled into the kernel, because networks differ in them."""


@triton.jit
def _channels(vectors, VECTOR: tl.constexpr, CHANNELS: tl.constexpr):
    """The number of channels, and the indices of the program's channels."""
    return vectors * VECTOR, tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)


@triton.jit
def _place(first, images, pixels, channels, c, LAST: tl.constexpr, IMAGES: tl.constexpr, PIXELS: tl.constexpr):
    """The places in memory of the program's pixels from `first` on, and which of them exist: (IMAGES, PIXELS,
    CHANNELS)."""
    n = (tl.program_id(0) * IMAGES + tl.arange(0, IMAGES))[:, None, None]
    p = (first + tl.arange(0, PIXELS))[None, :, None]
    c = c[None, None, :]
    inside = (n < images) & (p < pixels) & (c < channels)
    if LAST:
        return (n * pixels + p).to(tl.int64) * channels + c, inside
    return (n * channels + c).to(tl.int64) * pixels + p, inside


@triton.jit
def _of_images(images, channels, c, IMAGES: tl.constexpr):
    """The places of the program's elements in a matrix (images, channels), and which exist: (IMAGES, CHANNELS)."""
    n = tl.program_id(0) * IMAGES + tl.arange(0, IMAGES)
    return n[:, None] * channels + c[None, :], (n < images)[:, None] & (c < channels)[None, :]


@triton.jit(do_not_specialize=UNSPECIALISED)
def squeeze_kernel(
    features, squeezed, images, vectors, pixels,
    VECTOR: tl.constexpr, IMAGES: tl.constexpr, PIXELS: tl.constexpr, CHANNELS: tl.constexpr, LAST: tl.constexpr,
):  # fmt: skip
    """Compute the mean of each channel, or the part of it that comes from the program's pixels."""
    channels, c = _channels(vectors, VECTOR, CHANNELS)
    part, parts = tl.program_id(2), tl.num_programs(2)
    total = tl.zeros([IMAGES, PIXELS, CHANNELS], dtype=tl.float32)
    for first in range(part * PIXELS, pixels, parts * PIXELS):
        place, inside = _place(first, images, pixels, channels, c, LAST, IMAGES, PIXELS)
        total += tl.load(features + place, mask=inside, other=0.0).to(tl.float32)
    matrix, real = _of_images(images, channels, c, IMAGES)
    tl.store(squeezed + part * images * channels + matrix, tl.sum(total, axis=1) / pixels, mask=real)


@triton.jit(do_not_specialize=UNSPECIALISED)
def gate_slope_kernel(
    gradient, features, gate, gate_slope, images, vectors, pixels,
    VECTOR: tl.constexpr, IMAGES: tl.constexpr, PIXELS: tl.constexpr, CHANNELS: tl.constexpr, LAST: tl.constexpr,
):  # fmt: skip
    """Compute the gradient of the sigmoid's input, or the part of it that comes from the program's pixels."""
    channels, c = _channels(vectors, VECTOR, CHANNELS)
    part, parts = tl.program_id(2), tl.num_programs(2)
    total = tl.zeros([IMAGES, PIXELS, CHANNELS], dtype=tl.float32)
    for first in range(part * PIXELS, pixels, parts * PIXELS):
        place, inside = _place(first, images, pixels, channels, c, LAST, IMAGES, PIXELS)
        arriving = tl.load(gradient + place, mask=inside, other=0.0).to(tl.float32)
        total += arriving * tl.load(features + place, mask=inside, other=0.0).to(tl.float32)
    matrix, real = _of_images(images, channels, c, IMAGES)
    scale = tl.load(gate + matrix, mask=real, other=0.0)
    slope = tl.sum(total, axis=1) * scale * (1.0 - scale)
    tl.store(gate_slope + part * images * channels + matrix, slope, mask=real)


@triton.jit(do_not_specialize=UNSPECIALISED)
def scale_kernel(
    values, gate, shift, result, images, vectors, pixels,
    VECTOR: tl.constexpr, IMAGES: tl.constexpr, PIXELS: tl.constexpr, CHANNELS: tl.constexpr, LAST: tl.constexpr,
    SHIFTED: tl.constexpr,
):  # fmt: skip
    """Multiply a tile by its gates. With `SHIFTED`, add the gradient that comes through the mean."""
    channels, c = _channels(vectors, VECTOR, CHANNELS)
    matrix, real = _of_images(images, channels, c, IMAGES)
    scale = tl.load(gate + matrix, mask=real, other=0.0)[:, None, :]
    place, inside = _place(tl.program_id(2) * PIXELS, images, pixels, channels, c, LAST, IMAGES, PIXELS)
    value = tl.load(values + place, mask=inside, other=0.0).to(tl.float32) * scale
    if SHIFTED:
        value += tl.load(shift + matrix, mask=real, other=0.0)[:, None, :] / pixels
    tl.store(result + place, value.to(result.dtype.element_ty), mask=inside)


@triton.jit(do_not_specialize=["rows", "columns", "terms", "column_step", "term_step"])
def product_kernel(
    left, right, other, result, rows, columns, terms, column_step, term_step,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, TERMS: tl.constexpr, THEN: tl.constexpr,
):  # fmt: skip
    """Multiply `left` (rows, terms) by `right`, which has the given strides. `other` is a bias, or a mask of zeros."""
    n = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    m = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    there, known = (n < rows)[:, None], (m < columns)[None, :]
    total = tl.zeros([ROWS, COLUMNS], dtype=tl.float32)
    for first in range(0, terms, TERMS):
        k = first + tl.arange(0, TERMS)
        one = tl.load(left + n[:, None] * terms + k[None, :], mask=there & (k < terms)[None, :], other=0.0)
        place = k[:, None] * term_step + m[None, :] * column_step
        total += tl.dot(
            one, tl.load(right + place, mask=known & (k < terms)[:, None], other=0.0), input_precision=PRECISION
        )
    place = n[:, None] * columns + m[None, :]
    if THEN == "relu":
        total += tl.load(other + m, mask=m < columns, other=0.0)[None, :]
        total = tl.where(total < 0.0, 0.0, total)  # keeps NaN, as torch's ReLU does
    if THEN == "sigmoid":
        total = 1.0 / (1.0 + tl.exp(-total - tl.load(other + m, mask=m < columns, other=0.0)[None, :]))
    if THEN == "mask":
        total = tl.where(tl.load(other + place, mask=there & known, other=0.0) <= 0.0, 0.0, total)
    tl.store(result + place, total, mask=there & known)


@triton.jit(do_not_specialize=["images", "channels", "width"])
def weights_kernel(
    squeezed, hidden, gate_slope, hidden_slope, gradients, images, channels, width,
    TILE: tl.constexpr, IMAGES: tl.constexpr,
):  # fmt: skip
    """Sum the gradients of both weights in one tile over the program's images. Programs at the edge also do the biases.

    A row of `gradients` holds the gradients of the two weights and then of their biases."""
    c = tl.program_id(0) * TILE + tl.arange(0, TILE)
    r = tl.program_id(1) * TILE + tl.arange(0, TILE)
    part, parts = tl.program_id(2), tl.num_programs(2)
    real, known = c < channels, r < width
    reduced = tl.zeros([TILE, TILE], dtype=tl.float32)
    expanded = tl.zeros([TILE, TILE], dtype=tl.float32)
    shift_of_hidden = tl.zeros([IMAGES, TILE], dtype=tl.float32)
    shift_of_gate = tl.zeros([IMAGES, TILE], dtype=tl.float32)
    for first in range(part * IMAGES, images, parts * IMAGES):
        n = first + tl.arange(0, IMAGES)
        by_channel, by_unit = n[:, None] * channels + c[None, :], n[:, None] * width + r[None, :]
        there = (n < images)[:, None]
        mean = tl.load(squeezed + by_channel, mask=there & real[None, :], other=0.0)
        to_logit = tl.load(gate_slope + by_channel, mask=there & real[None, :], other=0.0)
        unit = tl.load(hidden + by_unit, mask=there & known[None, :], other=0.0)
        to_unit = tl.load(hidden_slope + by_unit, mask=there & known[None, :], other=0.0)
        reduced += tl.dot(tl.trans(to_unit), mean, input_precision=PRECISION)
        expanded += tl.dot(tl.trans(to_logit), unit, input_precision=PRECISION)
        shift_of_hidden += to_unit
        shift_of_gate += to_logit
    weights = channels * width
    row = gradients + part * (2 * weights + width + channels)
    tl.store(row + r[:, None] * channels + c[None, :], reduced, mask=known[:, None] & real[None, :])
    tl.store(row + weights + c[:, None] * width + r[None, :], expanded, mask=real[:, None] & known[None, :])
    if tl.program_id(0) == 0:
        tl.store(row + 2 * weights + r, tl.sum(shift_of_hidden, axis=0), mask=known)
    if tl.program_id(1) == 0:
        tl.store(row + 2 * weights + width + c, tl.sum(shift_of_gate, axis=0), mask=real)

"""SE's kernels for a GPU: each map is read and written by as few launches as its sums allow, the gates in between.

Forward: the means of all maps, two small products for the gates, and the scaling. Backward: the sums that say what the
gates' gradients are, the same products the other way round, the maps' gradients, and the weights' gradients. A program
takes a few images if they are small, and walks over an image if it is large; no sum depends on the order of programs.
"""

import torch
import triton
from torch import Tensor
from triton import language as tl

from se_nas.models.excitation_stock import Gating, Slopes, WeightGradients

TILE_NUMBERS, TILE_CHANNELS = 4096, 64
"""Of the map that a program holds at a time."""
PRODUCT_IMAGES, PRODUCT_COLUMNS, PRODUCT_STEP = 16, 32, 64
"""Of the gates' products: rows and columns of a program's result, and the terms that it sums at a time."""
WEIGHTS_TILE, WEIGHTS_IMAGES = 16, 64
"""Channels and hidden channels that a program sums up gradients for, and images that it takes at a time."""
PRECISION = tl.constexpr("tf32x3")
"""Of the gates' products: near single precision, by three products of matrix units."""
PROGRAMS = 1_024
"""That share a map's sums: where images are few and large, several for each."""
UNSPECIALISED = ["images", "vectors", "pixels"]
"""Arguments whose value is not compiled in: networks differ in them."""


@triton.jit
def _channels(vectors, VECTOR: tl.constexpr, CHANNELS: tl.constexpr):
    """How many channels there are, and the program's own."""
    return vectors * VECTOR, tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)


@triton.jit
def _place(first, images, pixels, channels, c, LAST: tl.constexpr, IMAGES: tl.constexpr, PIXELS: tl.constexpr):
    """(IMAGES, PIXELS, CHANNELS): where the program's pixels from the `first` on lie in memory, and which exist."""
    n = (tl.program_id(0) * IMAGES + tl.arange(0, IMAGES))[:, None, None]
    p = (first + tl.arange(0, PIXELS))[None, :, None]
    c = c[None, None, :]
    inside = (n < images) & (p < pixels) & (c < channels)
    if LAST:
        return (n * pixels + p).to(tl.int64) * channels + c, inside
    return (n * channels + c).to(tl.int64) * pixels + p, inside


@triton.jit
def _of_images(images, channels, c, IMAGES: tl.constexpr):
    """(IMAGES, CHANNELS): where the program's numbers of a matrix (images, channels) lie, and which exist."""
    n = tl.program_id(0) * IMAGES + tl.arange(0, IMAGES)
    return n[:, None] * channels + c[None, :], (n < images)[:, None] & (c < channels)[None, :]


@triton.jit(do_not_specialize=UNSPECIALISED)
def _squeeze_kernel(
    features, squeezed, images, vectors, pixels,
    VECTOR: tl.constexpr, IMAGES: tl.constexpr, PIXELS: tl.constexpr, CHANNELS: tl.constexpr, LAST: tl.constexpr,
):  # fmt: skip
    channels, c = _channels(vectors, VECTOR, CHANNELS)
    part, parts = tl.program_id(2), tl.num_programs(2)
    total = tl.zeros([IMAGES, PIXELS, CHANNELS], dtype=tl.float32)
    for first in range(part * PIXELS, pixels, parts * PIXELS):
        place, inside = _place(first, images, pixels, channels, c, LAST, IMAGES, PIXELS)
        total += tl.load(features + place, mask=inside, other=0.0).to(tl.float32)
    matrix, real = _of_images(images, channels, c, IMAGES)
    tl.store(squeezed + part * images * channels + matrix, tl.sum(total, axis=1) / pixels, mask=real)


@triton.jit(do_not_specialize=UNSPECIALISED)
def _gate_slope_kernel(
    gradient, features, gate, gate_slope, images, vectors, pixels,
    VECTOR: tl.constexpr, IMAGES: tl.constexpr, PIXELS: tl.constexpr, CHANNELS: tl.constexpr, LAST: tl.constexpr,
):  # fmt: skip
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
def _scale_kernel(
    values, gate, shift, result, images, vectors, pixels,
    VECTOR: tl.constexpr, IMAGES: tl.constexpr, PIXELS: tl.constexpr, CHANNELS: tl.constexpr, LAST: tl.constexpr,
    SHIFTED: tl.constexpr,
):  # fmt: skip
    channels, c = _channels(vectors, VECTOR, CHANNELS)
    matrix, real = _of_images(images, channels, c, IMAGES)
    scale = tl.load(gate + matrix, mask=real, other=0.0)[:, None, :]
    place, inside = _place(tl.program_id(2) * PIXELS, images, pixels, channels, c, LAST, IMAGES, PIXELS)
    value = tl.load(values + place, mask=inside, other=0.0).to(tl.float32) * scale
    if SHIFTED:
        value += tl.load(shift + matrix, mask=real, other=0.0)[:, None, :] / pixels
    tl.store(result + place, value.to(result.dtype.element_ty), mask=inside)


@triton.jit(do_not_specialize=["rows", "columns", "terms", "column_step", "term_step"])
def _product_kernel(
    left, right, other, result, rows, columns, terms, column_step, term_step,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, TERMS: tl.constexpr, THEN: tl.constexpr,
):  # fmt: skip
    """`left` (rows, terms) times `right`, whose steps are given. `other` is a bias, or says where zeros go."""
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
        total = tl.where(total < 0.0, 0.0, total)  # keeps what is no number, as torch's does
    if THEN == "sigmoid":
        total = 1.0 / (1.0 + tl.exp(-total - tl.load(other + m, mask=m < columns, other=0.0)[None, :]))
    if THEN == "mask":
        total = tl.where(tl.load(other + place, mask=there & known, other=0.0) <= 0.0, 0.0, total)
    tl.store(result + place, total, mask=there & known)


@triton.jit(do_not_specialize=["images", "channels", "width"])
def _weights_kernel(
    squeezed, hidden, gate_slope, hidden_slope, to_reduce, to_reduce_bias, to_expand, to_expand_bias,
    images, channels, width, TILE: tl.constexpr, IMAGES: tl.constexpr,
):  # fmt: skip
    c = tl.program_id(0) * TILE + tl.arange(0, TILE)
    r = tl.program_id(1) * TILE + tl.arange(0, TILE)
    real, known = c < channels, r < width
    reduced = tl.zeros([TILE, TILE], dtype=tl.float32)
    expanded = tl.zeros([TILE, TILE], dtype=tl.float32)
    shift_of_hidden = tl.zeros([IMAGES, TILE], dtype=tl.float32)
    shift_of_gate = tl.zeros([IMAGES, TILE], dtype=tl.float32)
    for first in range(0, images, IMAGES):
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
    tl.store(to_reduce + r[:, None] * channels + c[None, :], reduced, mask=known[:, None] & real[None, :])
    tl.store(to_expand + c[:, None] * width + r[None, :], expanded, mask=real[:, None] & known[None, :])
    if tl.program_id(0) == 0:
        tl.store(to_reduce_bias + r, tl.sum(shift_of_hidden, axis=0), mask=known)
    if tl.program_id(1) == 0:
        tl.store(to_expand_bias + c, tl.sum(shift_of_gate, axis=0), mask=real)


def forward(
    features: Tensor, reduce: Tensor, reduce_bias: Tensor, expand: Tensor, expand_bias: Tensor
) -> tuple[Tensor, Gating]:
    """The scaled features, and what their gates were computed from."""
    features = _dense(features)
    grid, tile, steps = _tiles(features)
    parts = _parts(features, grid, steps)
    _squeeze_kernel[(*grid, len(parts))](features, parts, **tile)
    squeezed = _sum(parts)
    hidden = _product(squeezed, reduce.contiguous().t(), reduce_bias, then="relu")
    gate = _product(hidden, expand.contiguous().t(), expand_bias, then="sigmoid")
    excited = torch.empty_like(features)
    _scale_kernel[(*grid, steps)](features, gate, gate, excited, **tile, SHIFTED=False)
    return excited, Gating(squeezed, hidden, gate)


def backward(
    gradient: Tensor, features: Tensor, reduce: Tensor, expand: Tensor, gating: Gating
) -> tuple[Tensor, Slopes]:
    """The gradient of the features, and the slopes that those of the weights follow from."""
    features = _dense(features)
    if gradient.stride() != features.stride():
        gradient = torch.empty_like(features).copy_(gradient)
    grid, tile, steps = _tiles(features)
    parts = _parts(features, grid, steps)
    _gate_slope_kernel[(*grid, len(parts))](gradient, features, gating.gate, parts, **tile)
    gate_slope = _sum(parts)
    hidden_slope = _product(gate_slope, expand.contiguous(), gating.hidden, then="mask")
    to_mean = _product(hidden_slope, reduce.contiguous(), hidden_slope, then="")
    to_features = torch.empty_like(features)
    _scale_kernel[(*grid, steps)](gradient, gating.gate, to_mean, to_features, **tile, SHIFTED=True)
    return to_features, Slopes(gate_slope, hidden_slope)


def weight_gradients(gating: Gating, slopes: Slopes) -> WeightGradients:
    """Summed over the batch."""
    (images, channels), width = gating.gate.shape, gating.hidden.shape[1]
    gradients = WeightGradients(
        *(gating.gate.new_empty(shape) for shape in ((width, channels), (width,), (channels, width), (channels,)))
    )
    _weights_kernel[(triton.cdiv(channels, WEIGHTS_TILE), triton.cdiv(width, WEIGHTS_TILE))](
        *gating[:2], *slopes, *gradients, images, channels, width, TILE=WEIGHTS_TILE, IMAGES=WEIGHTS_IMAGES
    )
    return gradients


def _product(left: Tensor, right: Tensor, other: Tensor, *, then: str) -> Tensor:
    """`left` (N, K) times `right` (K, M), with what follows: "relu" or "sigmoid" of the sum with the bias `other` (M,),
    or a "mask", zero where `other` (N, M) is."""
    (rows, terms), columns = left.shape, right.shape[1]
    result = left.new_empty(rows, columns)
    _product_kernel[(triton.cdiv(rows, PRODUCT_IMAGES), triton.cdiv(columns, PRODUCT_COLUMNS))](
        left, right, other, result, rows, columns, terms, right.stride(1), right.stride(0),
        ROWS=PRODUCT_IMAGES, COLUMNS=PRODUCT_COLUMNS, TERMS=PRODUCT_STEP, THEN=then,
    )  # fmt: skip
    return result


def _parts(features: Tensor, grid: tuple[int, int], steps: int) -> Tensor:
    """(P, N, C): room for what several programs sum up for the same images."""
    shared = max(1, min(steps, PROGRAMS // max(1, grid[0] * grid[1])))
    return features.new_empty(shared, *features.shape[:2], dtype=torch.float32)


def _sum(parts: Tensor) -> Tensor:
    return parts[0] if len(parts) == 1 else parts.sum(0)


def _dense(features: Tensor) -> Tensor:
    """The same, with its pixels at equal steps in memory."""
    if features.is_contiguous() or features.is_contiguous(memory_format=torch.channels_last):
        return features
    return features.contiguous(memory_format=torch.channels_last)


def _tiles(features: Tensor) -> tuple[tuple[int, int], dict[str, int], int]:
    """Programs by images and by channels; what each takes at a time; and in how many steps it sees all pixels."""
    images, channels, height, columns = features.shape
    pixels = height * columns
    wide = min(TILE_CHANNELS, triton.next_power_of_2(channels))
    tall = min(triton.next_power_of_2(pixels), TILE_NUMBERS // wide)
    many = TILE_NUMBERS // (wide * tall)
    vector = 8 if channels % 8 == 0 else 1
    tile = {
        "images": images,
        "vectors": channels // vector,
        "pixels": pixels,
        "VECTOR": vector,
        "IMAGES": many,
        "PIXELS": tall,
        "CHANNELS": wide,
        "LAST": features.is_contiguous(memory_format=torch.channels_last),
    }
    return (triton.cdiv(images, many), triton.cdiv(channels, wide)), tile, triton.cdiv(pixels, tall)

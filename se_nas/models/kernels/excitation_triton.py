"""SE by kernels for a GPU. Each map is read and written by as few launches as its sums allow.

The forward pass computes the means of all maps, the gates by two small products, and the scaled maps. The backward pass
computes the sums for the gates' gradients, the same products in reverse order, the maps' gradients and the weights'
gradients. Large weight gradients are computed by the library's matrix products. A program takes a few images if they
are small, and walks over an image if it is large. No sum depends on the order of the programs.
"""

import math

import torch
import triton
from torch import Tensor

from se_nas.models.kernels import excitation_stock
from se_nas.models.kernels.excitation_kernels import (
    gate_slope_kernel,
    product_kernel,
    scale_kernel,
    squeeze_kernel,
    weights_kernel,
)
from se_nas.models.kernels.excitation_stock import Gating, Slopes, WeightGradients
from se_nas.models.kernels.memory import vectors

TILE_NUMBERS, TILE_CHANNELS = 4096, 64
"""The elements and the channels of the map that a program holds at a time."""
PRODUCT_IMAGES, PRODUCT_COLUMNS, PRODUCT_STEP = 16, 32, 32
"""The gates' products: the rows and columns of a program's result, and the number of terms that it sums at a time."""
WEIGHTS_TILE, WEIGHTS_IMAGES = 16, 64
"""The number of channels, and of hidden channels, for which a program sums gradients; the images that it takes at a
time."""
WEIGHTS_PROGRAMS, MOST_WEIGHTS_STEPS = 256, 512
"""The number of programs that share the images; the most steps of all programs with which they are faster than the
library's matrix products."""
PROGRAMS = 1_024
"""The number of programs that share a map's sums. If images are few and large, several programs share an image."""


def forward(
    features: Tensor, reduce: Tensor, reduce_bias: Tensor, expand: Tensor, expand_bias: Tensor
) -> tuple[Tensor, Gating]:
    """Compute the scaled features and their gating."""
    features = _dense(features)
    grid, tile, steps = _tiles(features)
    parts = _parts(features, grid, steps)
    squeeze_kernel[(*grid, len(parts))](features, parts, **tile)
    squeezed = _sum(parts)
    hidden = _product(squeezed, reduce.contiguous().t(), reduce_bias, then="relu")
    gate = _product(hidden, expand.contiguous().t(), expand_bias, then="sigmoid")
    excited = torch.empty_like(features)
    scale_kernel[(*grid, steps)](features, gate, gate, excited, **tile, SHIFTED=False)
    return excited, Gating(squeezed, hidden, gate)


def backward(
    gradient: Tensor, features: Tensor, reduce: Tensor, expand: Tensor, gating: Gating
) -> tuple[Tensor, Slopes]:
    """Compute the gradient of the features, and the slopes from which the weights' gradients are computed."""
    features = _dense(features)
    if gradient.stride() != features.stride():
        gradient = torch.empty_like(features).copy_(gradient)
    grid, tile, steps = _tiles(features)
    parts = _parts(features, grid, steps)
    gate_slope_kernel[(*grid, len(parts))](gradient, features, gating.gate, parts, **tile)
    gate_slope = _sum(parts)
    hidden_slope = _product(gate_slope, expand.contiguous(), gating.hidden, then="mask")
    to_mean = _product(hidden_slope, reduce.contiguous(), hidden_slope, then="")
    to_features = torch.empty_like(features)
    scale_kernel[(*grid, steps)](gradient, gating.gate, to_mean, to_features, **tile, SHIFTED=True)
    return to_features, Slopes(gate_slope, hidden_slope)


def weight_gradients(gating: Gating, slopes: Slopes) -> WeightGradients:
    """Compute the gradients of weights and biases, summed over the batch."""
    (images, channels), width = gating.gate.shape, gating.hidden.shape[1]
    grid = triton.cdiv(channels, WEIGHTS_TILE), triton.cdiv(width, WEIGHTS_TILE)
    tiles, steps = grid[0] * grid[1], triton.cdiv(images, WEIGHTS_IMAGES)
    if tiles * steps > MOST_WEIGHTS_STEPS:
        return excitation_stock.weight_gradients(gating, slopes)
    shapes = ((width, channels), (channels, width), (width,), (channels,))
    sizes = [math.prod(shape) for shape in shapes]
    parts = gating.gate.new_empty(max(1, min(steps, WEIGHTS_PROGRAMS // tiles)), sum(sizes))
    weights_kernel[(*grid, len(parts))](
        *gating[:2], *slopes, parts, images, channels, width, TILE=WEIGHTS_TILE, IMAGES=WEIGHTS_IMAGES
    )
    reduce, expand, reduce_bias, expand_bias = (
        each.view(shape) for each, shape in zip(torch.split(_sum(parts), sizes), shapes, strict=True)
    )
    return WeightGradients(reduce, reduce_bias, expand, expand_bias)


def _product(left: Tensor, right: Tensor, other: Tensor, *, then: str) -> Tensor:
    """Multiply `left` (N, K) by `right` (K, M), then apply `then`. "relu" and "sigmoid" first add the bias `other`
    (M,); "mask" sets the elements to 0 where `other` (N, M) is 0."""
    (rows, terms), columns = left.shape, right.shape[1]
    result = left.new_empty(rows, columns)
    product_kernel[(triton.cdiv(rows, PRODUCT_IMAGES), triton.cdiv(columns, PRODUCT_COLUMNS))](
        left, right, other, result, rows, columns, terms, right.stride(1), right.stride(0),
        ROWS=PRODUCT_IMAGES, COLUMNS=PRODUCT_COLUMNS, TERMS=PRODUCT_STEP, THEN=then,
    )  # fmt: skip
    return result


def _parts(features: Tensor, grid: tuple[int, int], steps: int) -> Tensor:
    """Memory (P, N, C) for the sums of the P programs that share an image."""
    shared = max(1, min(steps, PROGRAMS // max(1, grid[0] * grid[1])))
    return features.new_empty(shared, *features.shape[:2], dtype=torch.float32)


def _sum(parts: Tensor) -> Tensor:
    return parts[0] if len(parts) == 1 else parts.sum(0)


def _dense(features: Tensor) -> Tensor:
    """The same features, contiguous or in channels-last memory."""
    if features.is_contiguous() or features.is_contiguous(memory_format=torch.channels_last):
        return features
    return features.contiguous(memory_format=torch.channels_last)


def _tiles(features: Tensor) -> tuple[tuple[int, int], dict[str, int], int]:
    """The number of programs by images and by channels, the tile of each, and the number of steps over all pixels."""
    images, channels, height, columns = features.shape
    pixels = height * columns
    wide = min(TILE_CHANNELS, triton.next_power_of_2(channels))
    tall = min(triton.next_power_of_2(pixels), TILE_NUMBERS // wide)
    many = TILE_NUMBERS // (wide * tall)
    tile = {
        "images": images,
        "pixels": pixels,
        **vectors(channels),
        "IMAGES": many,
        "PIXELS": tall,
        "CHANNELS": wide,
        "LAST": features.is_contiguous(memory_format=torch.channels_last),
    }
    return (triton.cdiv(images, many), triton.cdiv(channels, wide)), tile, triton.cdiv(pixels, tall)

"""SE's two kernels for a GPU: an image a program, forward and backward one launch each.

An image's map is read twice by the program that owns it, the second time mostly from the second-level cache. The
hidden layer is walked in slices, so its width costs no registers.
"""

import torch
import triton
from torch import Tensor
from triton import language as tl

from se_nas.models.excitation_stock import Gating, Slopes

TILE_NUMBERS = 4096
"""Numbers of the map that a program holds at a time."""
HIDDEN_SLICE = 8


@triton.jit
def _forward_kernel(
    features, reduce, reduce_bias, expand, expand_bias, excited, squeezed, hidden, gate,
    channels, width, pixels, image_step, channel_step, pixel_step,
    CHANNELS: tl.constexpr, PIXELS: tl.constexpr, SLICE: tl.constexpr,
):  # fmt: skip
    image = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, CHANNELS)
    real = c < channels
    total = tl.zeros([CHANNELS], dtype=tl.float32)
    for first in range(0, pixels, PIXELS):
        p = first + tl.arange(0, PIXELS)
        place = image * image_step + p[:, None] * pixel_step + c[None, :] * channel_step
        inside = (p[:, None] < pixels) & real[None, :]
        total += tl.sum(tl.load(features + place, mask=inside, other=0.0).to(tl.float32), axis=0)
    mean = total / pixels
    tl.store(squeezed + image * channels + c, mean, mask=real)
    logit = tl.load(expand_bias + c, mask=real, other=0.0)
    for first in range(0, width, SLICE):
        r = first + tl.arange(0, SLICE)
        known = r < width
        both = known[:, None] & real[None, :]
        weights = tl.load(reduce + r[:, None] * channels + c[None, :], mask=both, other=0.0)
        unit = tl.sum(weights * mean[None, :], axis=1) + tl.load(reduce_bias + r, mask=known, other=0.0)
        unit = tl.maximum(unit, 0.0)
        tl.store(hidden + image * width + r, unit, mask=known)
        weights = tl.load(expand + c[None, :] * width + r[:, None], mask=both, other=0.0)
        logit += tl.sum(weights * unit[:, None], axis=0)
    scale = 1.0 / (1.0 + tl.exp(-logit))
    tl.store(gate + image * channels + c, scale, mask=real)
    for first in range(0, pixels, PIXELS):
        p = first + tl.arange(0, PIXELS)
        place = image * image_step + p[:, None] * pixel_step + c[None, :] * channel_step
        inside = (p[:, None] < pixels) & real[None, :]
        value = tl.load(features + place, mask=inside, other=0.0).to(tl.float32) * scale[None, :]
        tl.store(excited + place, value.to(excited.dtype.element_ty), mask=inside)


@triton.jit
def _backward_kernel(
    gradient, features, reduce, expand, hidden, gate, to_features, gate_slope, hidden_slope,
    channels, width, pixels, image_step, channel_step, pixel_step,
    CHANNELS: tl.constexpr, PIXELS: tl.constexpr, SLICE: tl.constexpr,
):  # fmt: skip
    image = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, CHANNELS)
    real = c < channels
    to_gate = tl.zeros([CHANNELS], dtype=tl.float32)
    for first in range(0, pixels, PIXELS):
        p = first + tl.arange(0, PIXELS)
        place = image * image_step + p[:, None] * pixel_step + c[None, :] * channel_step
        inside = (p[:, None] < pixels) & real[None, :]
        arriving = tl.load(gradient + place, mask=inside, other=0.0).to(tl.float32)
        to_gate += tl.sum(arriving * tl.load(features + place, mask=inside, other=0.0).to(tl.float32), axis=0)
    scale = tl.load(gate + image * channels + c, mask=real, other=0.0)
    to_logit = to_gate * scale * (1.0 - scale)
    tl.store(gate_slope + image * channels + c, to_logit, mask=real)
    to_mean = tl.zeros([CHANNELS], dtype=tl.float32)
    for first in range(0, width, SLICE):
        r = first + tl.arange(0, SLICE)
        known = r < width
        both = known[:, None] & real[None, :]
        weights = tl.load(expand + c[None, :] * width + r[:, None], mask=both, other=0.0)
        unit = tl.load(hidden + image * width + r, mask=known, other=0.0)
        to_unit = tl.where(unit > 0.0, tl.sum(weights * to_logit[None, :], axis=1), 0.0)
        tl.store(hidden_slope + image * width + r, to_unit, mask=known)
        weights = tl.load(reduce + r[:, None] * channels + c[None, :], mask=both, other=0.0)
        to_mean += tl.sum(weights * to_unit[:, None], axis=0)
    to_mean = to_mean / pixels
    for first in range(0, pixels, PIXELS):
        p = first + tl.arange(0, PIXELS)
        place = image * image_step + p[:, None] * pixel_step + c[None, :] * channel_step
        inside = (p[:, None] < pixels) & real[None, :]
        arriving = tl.load(gradient + place, mask=inside, other=0.0).to(tl.float32)
        value = arriving * scale[None, :] + to_mean[None, :]
        tl.store(to_features + place, value.to(to_features.dtype.element_ty), mask=inside)


def forward(
    features: Tensor, reduce: Tensor, reduce_bias: Tensor, expand: Tensor, expand_bias: Tensor
) -> tuple[Tensor, Gating]:
    """The scaled features, and what their gates were computed from."""
    features = _dense(features)
    images, channels = features.shape[:2]
    excited = torch.empty_like(features)
    squeezed, gate = (features.new_empty(images, channels, dtype=torch.float32) for _ in range(2))
    hidden = features.new_empty(images, len(reduce), dtype=torch.float32)
    _forward_kernel[(images,)](
        features, reduce.contiguous(), reduce_bias, expand.contiguous(), expand_bias, excited, squeezed, hidden, gate,
        **_shape(features, len(reduce)),
    )  # fmt: skip
    return excited, Gating(squeezed, hidden, gate)


def backward(
    gradient: Tensor, features: Tensor, reduce: Tensor, expand: Tensor, gating: Gating
) -> tuple[Tensor, Slopes]:
    """The gradient of the features, and the slopes that those of the weights follow from."""
    features = _dense(features)
    if gradient.stride() != features.stride():
        gradient = torch.empty_like(features).copy_(gradient)
    to_features = torch.empty_like(features)
    slopes = Slopes(torch.empty_like(gating.gate), torch.empty_like(gating.hidden))
    _backward_kernel[(len(features),)](
        gradient, features, reduce.contiguous(), expand.contiguous(), gating.hidden, gating.gate, to_features, *slopes,
        **_shape(features, len(reduce)),
    )  # fmt: skip
    return to_features, slopes


def _dense(features: Tensor) -> Tensor:
    """The same, with its pixels at equal steps in memory."""
    if features.is_contiguous() or features.is_contiguous(memory_format=torch.channels_last):
        return features
    return features.contiguous(memory_format=torch.channels_last)


def _shape(features: Tensor, width: int) -> dict[str, int]:
    _, channels, height, columns = features.shape
    nearest = triton.next_power_of_2(channels)
    flat = features.is_contiguous()
    return {
        "channels": channels,
        "width": width,
        "pixels": height * columns,
        "image_step": channels * height * columns,
        "channel_step": height * columns if flat else 1,
        "pixel_step": 1 if flat else channels,
        "CHANNELS": nearest,
        "PIXELS": max(1, min(triton.next_power_of_2(height * columns), TILE_NUMBERS // nearest)),
        "SLICE": HIDDEN_SLICE,
    }

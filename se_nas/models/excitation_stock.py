"""SE's kernels by torch's own operators, on as many images at a time as stay in a processor's cache."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

CACHED_NUMBERS = 1 << 18
"""Numbers of the feature map that are worked on at a time on a CPU: 1 MiB in single precision, about a second-level
cache."""


class Gating(NamedTuple):
    """What the gate is computed from, for a batch: `squeezed` (N, C), `hidden` (N, R), `gate` (N, C)."""

    squeezed: Tensor
    hidden: Tensor
    gate: Tensor


class Slopes(NamedTuple):
    """Gradients, for a batch, of what enters the sigmoid, `gate` (N, C), and what enters the ReLU, `hidden` (N, R)."""

    gate: Tensor
    hidden: Tensor


class WeightGradients(NamedTuple):
    """Of `reduce` (R, C) and `expand` (C, R) and their biases."""

    reduce: Tensor
    reduce_bias: Tensor
    expand: Tensor
    expand_bias: Tensor


def forward(
    features: Tensor, reduce: Tensor, reduce_bias: Tensor, expand: Tensor, expand_bias: Tensor
) -> tuple[Tensor, Gating]:
    """The scaled features, and what their gates were computed from."""
    excited = torch.empty_like(features)
    gatings = []
    for images in _slices(features):
        part = features[images]
        squeezed = part.mean((2, 3), dtype=reduce.dtype)
        hidden = F.linear(squeezed, reduce, reduce_bias).relu_()
        gate = F.linear(hidden, expand, expand_bias).sigmoid_()
        torch.mul(part, _beside(part, gate), out=excited[images])
        gatings.append(Gating(squeezed, hidden, gate))
    return excited, Gating(*map(torch.cat, zip(*gatings, strict=True)))


def backward(
    gradient: Tensor, features: Tensor, reduce: Tensor, expand: Tensor, gating: Gating
) -> tuple[Tensor, Slopes]:
    """The gradient of the features, and the slopes that those of the weights follow from."""
    to_features = torch.empty_like(features)
    slopes = []
    for images in _slices(features):
        part, arriving = features[images], gradient[images]
        gate, hidden = gating.gate[images], gating.hidden[images]
        before_sigmoid = (arriving * part).sum((2, 3), dtype=gate.dtype) * gate * (1 - gate)
        before_relu = (before_sigmoid @ expand) * (hidden > 0)
        to_mean = (before_relu @ reduce) / part[0, 0].numel()
        torch.addcmul(_beside(part, to_mean), arriving, _beside(part, gate), out=to_features[images])
        slopes.append(Slopes(before_sigmoid, before_relu))
    return to_features, Slopes(*map(torch.cat, zip(*slopes, strict=True)))


def weight_gradients(gating: Gating, slopes: Slopes) -> WeightGradients:
    """Summed over the batch."""
    return WeightGradients(
        slopes.hidden.t() @ gating.squeezed,
        slopes.hidden.sum(0),
        slopes.gate.t() @ gating.hidden,
        slopes.gate.sum(0),
    )


def _slices(features: Tensor) -> Iterator[slice]:
    """Of the batch: all at once on a GPU, and as many images as fit the cache on a CPU."""
    at_a_time = len(features) if features.is_cuda else max(1, CACHED_NUMBERS // features[0].numel())
    return (slice(first, first + at_a_time) for first in range(0, len(features), at_a_time))


def _beside(features: Tensor, channels: Tensor) -> Tensor:
    """(N, C) as it meets (N, C, H, W), in the type of the latter."""
    return channels[:, :, None, None].to(features.dtype)

"""SE by torch's own operators, on as many images at a time as fit in a processor's cache."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

CACHED_NUMBERS = 1 << 18
"""The number of elements of the feature map that a CPU works on at a time: 1 MiB in single precision, about the size of
a second-level cache."""


class Gating(NamedTuple):
    """The gate of a batch and the values that lead to it: `squeezed` (N, C), `hidden` (N, R), `gate` (N, C)."""

    squeezed: Tensor
    hidden: Tensor
    gate: Tensor


class Slopes(NamedTuple):
    """Gradients of a batch: of the sigmoid's input, `gate` (N, C), and of the ReLU's input, `hidden` (N, R)."""

    gate: Tensor
    hidden: Tensor


class WeightGradients(NamedTuple):
    """The gradients of `reduce` (R, C) and `expand` (C, R) and of their biases."""

    reduce: Tensor
    reduce_bias: Tensor
    expand: Tensor
    expand_bias: Tensor


def forward(
    features: Tensor, reduce: Tensor, reduce_bias: Tensor, expand: Tensor, expand_bias: Tensor
) -> tuple[Tensor, Gating]:
    """Compute the scaled features and their gating."""
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
    """Compute the gradient of the features, and the slopes from which the weights' gradients are computed."""
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
    """Compute the gradients of weights and biases, summed over the batch."""
    return WeightGradients(
        slopes.hidden.t() @ gating.squeezed,
        slopes.hidden.sum(0),
        slopes.gate.t() @ gating.hidden,
        slopes.gate.sum(0),
    )


def _slices(features: Tensor) -> Iterator[slice]:
    """Slices of the batch: the whole batch on a GPU, as many images as fit in the cache on a CPU."""
    at_a_time = len(features) if features.is_cuda else max(1, CACHED_NUMBERS // features[0].numel())
    return (slice(first, first + at_a_time) for first in range(0, len(features), at_a_time))


def _beside(features: Tensor, channels: Tensor) -> Tensor:
    """`channels` (N, C) as (N, C, 1, 1), in the type of `features`."""
    return channels[:, :, None, None].to(features.dtype)

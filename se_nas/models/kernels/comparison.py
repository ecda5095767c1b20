"""Compares our Triton kernels with stock operators on small maps.

Each comparison yields the operator's name, the kernels' result and the stock operators' result. The kernels get maps
as in trials: channels-last memory and low precision. Some maps are so small that one program takes them whole; others
are shared by several programs. Stock operators get the same numbers in single precision.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from se_nas.models.kernels import excitation_stock, excitation_triton, normalisation_triton

IMAGES, CHANNELS, HIDDEN, SIDES = 9, 24, 6, (3, 16)

Compared = Iterator[tuple[str, Tensor, Tensor]]


def excitations(device: str, low: torch.dtype) -> Compared:
    """Yield the results of SE and its gradients."""
    for side in SIDES:
        shape = (IMAGES, CHANNELS, side, side)
        features, arriving = _maps(device, low, shape, 2)
        reduce, reduce_bias, expand, expand_bias = _drawn(
            device, (HIDDEN, CHANNELS), (HIDDEN,), (CHANNELS, HIDDEN), (CHANNELS,)
        )
        results: list[list[Tensor]] = []
        for kernels, dtype in ((excitation_triton, low), (excitation_stock, torch.float32)):
            given, slope = features.to(dtype), arriving.to(dtype)
            excited, gating = kernels.forward(given, reduce, reduce_bias, expand, expand_bias)
            to_features, slopes = kernels.backward(slope, given, reduce, expand, gating)
            weights = kernels.weight_gradients(gating, slopes)
            results.append([excited.float(), *gating, to_features.float(), *slopes, *weights])
        for found, wanted in zip(*results, strict=True):
            yield "SE", found, wanted


def normalisations(device: str, low: torch.dtype) -> Compared:
    """Yield the results of batch norm with ReLU, with and without a sum, its gradients and the running statistics."""
    for side in SIDES:
        features, added, arriving = _maps(device, low, (IMAGES, CHANNELS, side, side), 3)
        weight, bias, mean = _drawn(device, (CHANNELS,), (CHANNELS,), (CHANNELS,))
        for summed in (False, True):
            leaves = [each.float().requires_grad_() for each in (features, added, weight, bias)]
            kept = (mean.clone(), torch.ones_like(mean))
            wanted = F.batch_norm(leaves[0], *kept, weight=leaves[2], bias=leaves[3], training=True)
            wanted = F.relu(wanted + leaves[1] * float(summed))
            slopes = torch.autograd.grad(wanted, leaves, arriving.float())
            running = normalisation_triton.Running(mean.clone(), torch.ones_like(mean), 0.1)
            with torch.no_grad():
                found, statistics = normalisation_triton.forward(
                    features, added if summed else None, weight, bias, running, epsilon=1e-5, relu=True
                )
                gradients = normalisation_triton.backward(
                    arriving, features, found if summed else None, weight, bias, statistics, relu=True
                )
            for one, other in zip((found, *running[:2], *gradients), (wanted.detach(), *kept, *slopes), strict=True):
                if one is not None:
                    yield "batch norm", one.float(), other


def _maps(device: str, low: torch.dtype, shape: tuple[int, ...], count: int) -> list[Tensor]:
    """Random maps in channels-last memory."""
    drawn = _drawn(device, *[shape] * count)
    return [each.to(low).contiguous(memory_format=torch.channels_last) for each in drawn]


def _drawn(device: str, *shapes: tuple[int, ...]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator).to(device) for shape in shapes]

"""SE as one operator with a gradient of its own: as few passes over the feature map as possible.

By stock operators SE is 15 launches forward and backward, and autograd writes four maps of the features' size on the
way. Here forward reads the map, computes the gate and writes the result; backward reads map and gradient, and writes
one gradient. On a GPU both are one Triton kernel each, and the weights' gradients four small products and sums;
elsewhere, and where Triton does not work, stock operators on as many images at a time as stay in the processor's cache.
"""

import logging
from functools import cache
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from se_nas.models import excitation_stock
from se_nas.models.excitation_stock import Gating


def excite(features: Tensor, reduce: Tensor, reduce_bias: Tensor, expand: Tensor, expand_bias: Tensor) -> Tensor:
    """`features` (N, C, H, W) scaled by their gates; `reduce` is (R, C), `expand` (C, R). Differentiable once."""
    excited: Tensor = _Excite.apply(features, reduce, reduce_bias, expand, expand_bias)
    return excited


class _Excite(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, features: Tensor, reduce: Tensor, reduce_bias: Tensor, expand: Tensor, expand_bias: Tensor
    ) -> Tensor:
        with torch.autocast("cuda" if features.is_cuda else "cpu", enabled=False):  # "meta" has no autocast
            excited: Tensor
            excited, gating = _kernels(features).forward(features, reduce, reduce_bias, expand, expand_bias)
        ctx.save_for_backward(features, reduce, expand, *gating)
        return excited

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        features, reduce, expand, *rest = ctx.saved_tensors
        gating = Gating(*rest)
        to_features, slopes = _kernels(features).backward(gradient, features, reduce, expand, gating)
        return (
            to_features,
            slopes.hidden.t() @ gating.squeezed,
            slopes.hidden.sum(0),
            slopes.gate.t() @ gating.hidden,
            slopes.gate.sum(0),
        )


def _kernels(features: Tensor) -> ModuleType:
    return _gpu_kernels() if features.is_cuda else excitation_stock


@cache
def _gpu_kernels() -> ModuleType:
    """Triton's if they run: it comes with torch on Linux only, and wants a C compiler and a GPU that it knows."""
    try:
        from se_nas.models import excitation_triton

        one = torch.ones(1, 1, device="cuda")
        excitation_triton.forward(one[:, :, None, None], one, one[0], one, one[0])
    except Exception as error:  # noqa: BLE001 - each of its stages fails in its own way
        logging.getLogger(__name__).warning("SE runs by stock operators, since Triton does not work here: %s", error)
        return excitation_stock
    return excitation_triton

"""SE as one operator with a gradient of its own: as few passes over the feature map as possible.

By stock operators SE is 15 launches forward and backward, and autograd writes four maps of the features' size on the
way. Here forward reads the map for the gate, and again to write the result; backward reads map and gradient for the
gate's slope, and the gradient again to write its own. On a GPU that is some ten launches by kernels of our own;
elsewhere, and where those do not work, stock operators on as many images at a time as stay in the processor's cache.
"""

from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from se_nas.models.kernels import choice, excitation_stock
from se_nas.models.kernels.excitation_stock import Gating


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
            excited, gating = _kernels(features, reduce).forward(features, reduce, reduce_bias, expand, expand_bias)
        ctx.save_for_backward(features, reduce, expand, *gating)
        return excited

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        features, reduce, expand, *rest = ctx.saved_tensors
        gating = Gating(*rest)
        chosen = _kernels(features, reduce)
        to_features, slopes = chosen.backward(gradient, features, reduce, expand, gating)
        return to_features, *chosen.weight_gradients(gating, slopes)


def _kernels(features: Tensor, weight: Tensor) -> ModuleType:
    if not choice.take(features, weight):
        return excitation_stock
    from se_nas.models.kernels import excitation_triton

    return excitation_triton

"""SE as one operator with its own gradient. It passes over the feature map as seldom as possible.

With stock operators, SE has 15 launches forward and backward, and autograd also writes four maps of the features' size.
Here the forward pass reads the map to compute the gate, and again to write the result. The backward pass reads the map
and the gradient to compute the gate's gradient, and the arriving gradient again to write the features' gradient. On a
GPU this takes some ten launches of our own kernels. On other devices, or if these kernels do not work, stock operators
work on as many images at a time as fit in the processor's cache.
"""

from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from se_nas.models.kernels import choice, excitation_stock
from se_nas.models.kernels.excitation_stock import Gating


def excite(features: Tensor, reduce: Tensor, reduce_bias: Tensor, expand: Tensor, expand_bias: Tensor) -> Tensor:
    """Scale `features` (N, C, H, W) by their gates. `reduce` is (R, C), `expand` is (C, R). Differentiable once."""
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

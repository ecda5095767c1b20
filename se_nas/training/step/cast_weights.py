"""Casts all weights to bf16 for a forward pass by a few launches, and their gradients back by a few launches.

Autocast has a launch for each weight and for each gradient: some hundred launches a step, of 2 to 3 microseconds each.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.func import functional_call

from se_nas.models.attention.module import AttentionModule
from se_nas.training.step.many_tensors import copy_all


def call_with_cast_weights(model: nn.Module, images: Tensor) -> Tensor:
    """Compute `model(images)` under autocast. The weights of convolutions and classifier are already in bf16."""
    weights = _cast_by_autocast(model)
    cast = _Cast.apply(*weights.values())
    logits: Tensor = functional_call(model, dict(zip(weights, cast, strict=True)), (images,))
    return logits


def _cast_by_autocast(model: nn.Module) -> dict[str, nn.Parameter]:
    """The weights that autocast would cast, by name. Those of attention stay in single precision, as SE needs."""
    attention = (module for module in model.modules() if isinstance(module, AttentionModule))
    kept = {id(layer) for module in attention for layer in module.modules()}
    return {
        f"{path}.{name}".removeprefix("."): parameter
        for path, module in model.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear) and id(module) not in kept
        for name, parameter in module.named_parameters(recurse=False)
    }


class _Cast(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *weights: Tensor) -> tuple[Tensor, ...]:
        ctx.save_for_backward(*weights)
        return _copies(weights, weights, torch.bfloat16)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        return _copies(gradients, ctx.saved_tensors, torch.float32)


def _copies(sources: tuple[Tensor, ...], like: tuple[Tensor, ...], dtype: torch.dtype) -> tuple[Tensor, ...]:
    """Copies in `dtype` and in the memory order of `like`. torch copies many tensors at once only in equal orders."""
    results = tuple(torch.empty_like(each, dtype=dtype) for each in like)
    ordered = [_ordered(source, result) for source, result in zip(sources, results, strict=True)]
    copy_all([_memory(each) for each in results], [_memory(each) for each in ordered])
    return results


def _ordered(source: Tensor, result: Tensor) -> Tensor:
    return source if _order(source) == _order(result) else torch.empty_like(result, dtype=source.dtype).copy_(source)


def _order(tensor: Tensor) -> list[int]:
    """The strides of the dimensions that have more than one element."""
    return [step for step, size in zip(tensor.stride(), tensor.shape, strict=True) if size > 1]


def _memory(tensor: Tensor) -> Tensor:
    """A view of all elements in the order of memory."""
    return tensor.as_strided((tensor.numel(),), (1,))

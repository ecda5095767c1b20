"""Batch norm together with the operators that follow it in a residual network: the sum with a shortcut, and the ReLU.

Batch norm: Ioffe and Szegedy, arXiv 1502.03167, algorithm 1. While a network trains, norms, sums and ReLUs move more
bytes than its convolutions. With stock operators, the forward pass reads or writes a map five times (eight times with a
sum), and the backward pass eight times. With the kernels of `normalisation_triton`, the forward pass does so three
times (four with a sum), and the backward pass five times (seven with a sum).
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from se_nas.models.activation import activate
from se_nas.models.kernels import choice
from se_nas.space.activation import Activation


class BatchNorm(nn.BatchNorm2d):
    """Normalises each channel, adds a map if there is one, and applies `activation`: (N, C, H, W) -> (N, C, H, W).

    The kernels include the ReLU; another activation is an operator of its own behind them. Parameters and running
    statistics have the same names as in `nn.BatchNorm2d`. Batches are not counted.
    """

    momentum: float

    def __init__(self, channels: int, *, activation: Activation | None = None) -> None:
        super().__init__(channels)
        self.activation = activation

    def forward(self, features: Tensor, added: Tensor | None = None) -> Tensor:
        """Normalise `features` and add `added`; both have the shape (N, C, H, W), and so has the result."""
        if self.training and self._has_kernels_for(features):
            normalised: Tensor = _Normalise.apply(
                features, added, self.weight, self.bias, self.running_mean, self.running_var, self
            )
            return normalised if self.relu else activate(normalised, self.activation)
        return self.forward_in_stock_operators(features, added)

    @property
    def relu(self) -> bool:
        """Whether a ReLU follows."""
        return self.activation is Activation.RELU

    def _has_kernels_for(self, features: Tensor) -> bool:
        """Whether the kernels can be used: the map is in channels-last memory and has more than one pixel in all."""
        channels_last = features.is_contiguous(memory_format=torch.channels_last)
        pixels = features.numel() // self.num_features
        return channels_last and pixels > 1 and not choice.is_traced() and choice.take(features, self.weight)

    def forward_in_stock_operators(self, features: Tensor, added: Tensor | None = None) -> Tensor:
        """Compute the same by one stock operator after another."""
        result = F.batch_norm(
            features,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            training=self.training,
            momentum=self.momentum,
            eps=self.eps,
        )
        if added is not None:
            result = added + result
        return activate(result, self.activation)


class _Normalise(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        added: Tensor | None,
        weight: Tensor,
        bias: Tensor,
        running_mean: Tensor,
        running_variance: Tensor,
        norm: BatchNorm,
    ) -> Tensor:
        from se_nas.models.kernels import normalisation_triton

        if added is not None:
            added = added.contiguous(memory_format=torch.channels_last)
        running = normalisation_triton.Running(running_mean, running_variance, norm.momentum)
        result, statistics = normalisation_triton.forward(
            features, added, weight, bias, running, epsilon=norm.eps, relu=norm.relu
        )
        ctx.relu = norm.relu
        ctx.save_for_backward(features, None if added is None else result, weight, bias, *statistics)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        from se_nas.models.kernels import normalisation_triton

        features, result, weight, bias, *statistics = ctx.saved_tensors
        gradients = normalisation_triton.backward(
            gradient, features, result, weight, bias, normalisation_triton.Statistics(*statistics), relu=ctx.relu
        )
        return *gradients, None, None, None

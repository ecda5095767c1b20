"""Convolutions that compute the same as torch's in another way: torch's are wrong in two cases and slow in one."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from se_nas.models.kernels.choice import is_traced

DENSE_CHANNELS = 64
"""The most channels for which dense is faster than groups of 8 in bf16, channels last (`benchmarks/LOG.md`)."""


class PointwiseConv2d(nn.Conv2d):
    """A 1×1 convolution without padding. On a CPU it takes every stride-th pixel first and then has stride 1.

    oneDNN, torch's library for convolutions on a CPU, would copy these pixels into a workspace. This workspace is too
    small if a vector of the processor holds more numbers than the features have channels (in channels-last memory; 16
    numbers in AVX-512, 8 in AVX2). oneDNN then writes past its end: a signal kills the process, or gradients are wrong.
    So oneDNN never gets a 1×1 convolution with a stride. Weights and FLOPs are those of `nn.Conv2d`.
    `benchmarks/convolution_sweep.py` measures both forms.
    """

    def __init__(self, width_in: int, width_out: int, *, stride: int = 1, bias: bool = False) -> None:
        super().__init__(width_in, width_out, 1, stride=stride, bias=bias)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C', ceil(H / stride), ceil(W / stride))."""
        if self.stride == (1, 1) or features.device.type != "cpu" or is_traced():
            return super().forward(features)
        met: Tensor = _EveryNthPixel.apply(features, self.stride)
        return F.conv2d(met, self.weight, self.bias)


class _EveryNthPixel(torch.autograd.Function):
    """`features[:, :, ::s, ::s]` in the memory order of `features`. Its gradient has the same order.

    Autograd's own gradient of a slice has contiguous memory, so the backward pass of each earlier layer would copy it.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, stride: tuple[int, int]) -> Tensor:
        ctx.shape, ctx.stride, ctx.layout = features.shape, stride, _layout(features)
        return features[:, :, :: stride[0], :: stride[1]].contiguous(memory_format=ctx.layout)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        spread = torch.empty(ctx.shape, dtype=gradient.dtype, memory_format=ctx.layout).zero_()
        spread[:, :, :: ctx.stride[0], :: ctx.stride[1]] = gradient
        return spread, None


def _layout(features: Tensor) -> torch.memory_format:
    channels_last = features.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if channels_last else torch.contiguous_format


class SpatialConv2d(nn.Conv2d):
    """A convolution with a kernel K×K and padding K // 2. On a CPU its stride is no larger than the map.

    On a map with a side smaller than the stride, oneDNN's weight gradient in bf16 reads uninitialised memory.
    The output has only one pixel along such a side, and it is the same for a stride as large as the side.
    """

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C', ceil(H / stride), ceil(W / stride))."""
        if features.device.type != "cpu" or is_traced():
            return super().forward(features)
        height, width = features.shape[2:]
        stride = (min(self.stride[0], height), min(self.stride[1], width))
        return F.conv2d(features, self.weight, self.bias, stride, self.padding, self.dilation, self.groups)


class GroupedConv2d(SpatialConv2d):
    """A grouped convolution. With few channels, a GPU trains it as a dense convolution with zeros between the groups.

    Its weight and its FLOPs are those of `nn.Conv2d`: the zeros are not counted.
    """

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C', ceil(H / stride), ceil(W / stride))."""
        if self.training and self._is_faster_dense(features) and not is_traced():
            return F.conv2d(features, self.dense_weight(), self.bias, self.stride, self.padding, self.dilation)
        return super().forward(features)

    def _is_faster_dense(self, features: Tensor) -> bool:
        few = self.groups > 1 and max(self.in_channels, self.out_channels) <= DENSE_CHANNELS
        channels_last = features.is_contiguous(memory_format=torch.channels_last)
        return few and features.is_cuda and features.dtype == torch.bfloat16 and channels_last

    def dense_weight(self) -> Tensor:
        """The weight (C', C / groups, K, K) as (C', C, K, K). The weights between groups are zeros."""
        grouped = self.weight.view(self.groups, -1, *self.weight.shape[1:])
        return torch.diag_embed(grouped.movedim(0, -1), dim1=0, dim2=2).flatten(2, 3).flatten(0, 1)

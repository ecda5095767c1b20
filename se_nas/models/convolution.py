"""Grouped convolutions of few channels, which a GPU trains faster as dense ones."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from se_nas.models.kernels import is_traced

DENSE_CHANNELS = 64
"""Up to which dense is faster, in bf16 and channels-last memory, for groups of 8: `benchmarks/LOG.md`."""


class GroupedConv2d(nn.Conv2d):
    """A convolution in groups, which a GPU trains by one dense convolution with zeros between the groups where channels
    are few. Its weight is that of `nn.Conv2d`, and so are its FLOPs: zeros are not counted."""

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C', H', W')."""
        if self.training and self._is_faster_dense(features) and not is_traced():
            return F.conv2d(features, self.dense_weight(), self.bias, self.stride, self.padding, self.dilation)
        return super().forward(features)

    def _is_faster_dense(self, features: Tensor) -> bool:
        few = self.groups > 1 and max(self.in_channels, self.out_channels) <= DENSE_CHANNELS
        channels_last = features.is_contiguous(memory_format=torch.channels_last)
        return few and features.is_cuda and features.dtype == torch.bfloat16 and channels_last

    def dense_weight(self) -> Tensor:
        """(C', C / groups, K, K) -> (C', C, K, K): a group's channels see no other's."""
        grouped = self.weight.view(self.groups, -1, *self.weight.shape[1:])
        return torch.diag_embed(grouped.movedim(0, -1), dim1=0, dim2=2).flatten(2, 3).flatten(0, 1)

"""The block of ShuffleNetV1: arXiv 1707.01083, figure 2, with the layers of pytorchcv's shufflenet.py."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from se_nas.models.blocks.block import AttendedBlock
from se_nas.models.convolution import GroupedConv2d, SpatialConv2d
from se_nas.models.normalisation import BatchNorm
from se_nas.models.shuffle import shuffle_channels
from se_nas.models.stem import IMAGE_CHANNELS
from se_nas.space.activation import Activation
from se_nas.space.families.shuffle_v1 import BOTTLENECK, ShuffleSite, ShuffleV1Block
from se_nas.space.parts.stage import BlockShape


class ShuffleV1BlockModule(AttendedBlock):
    """Grouped 1×1, shuffle, depthwise 3×3, grouped 1×1; then the sum, or the concatenation with the pooled input.

    There is no activation after the depthwise convolution.
    """

    def __init__(self, shape: BlockShape) -> None:
        super().__init__(shape)
        family = cast(ShuffleV1Block, shape.family)
        self.groups, self.is_strided = family.groups, shape.stride > 1
        inner = shape.width_out // BOTTLENECK
        branch = family.branch_width(width_in=shape.width_in, width_out=shape.width_out, stride=shape.stride)
        entry_groups = family.entry_groups(stride=shape.stride)
        self.conv1 = GroupedConv2d(shape.width_in, inner, 1, groups=entry_groups, bias=False)
        self.norm1 = BatchNorm(inner, activation=Activation.RELU)
        self.depthwise = SpatialConv2d(inner, inner, 3, stride=shape.stride, padding=1, groups=inner, bias=False)
        self.norm2 = BatchNorm(inner)
        self.attend(shape, ShuffleSite.INNER)
        self.conv3 = GroupedConv2d(inner, branch, 1, groups=self.groups, bias=False)
        joins_in_norm = not self.is_strided and self.site != ShuffleSite.STANDARD
        self.norm3 = BatchNorm(branch, activation=Activation.RELU if joins_in_norm else None)
        self.attend(shape, ShuffleSite.STANDARD)
        self.pool = nn.AvgPool2d(3, stride=shape.stride, padding=1) if self.is_strided else nn.Identity()
        self.attend(shape, ShuffleSite.POST)
        self.joins_in_norm = joins_in_norm

    @staticmethod
    def initialise_layer(layer: nn.Module) -> None:
        """Draw one layer's weights as megvii-model/ShuffleNet-Series, ShuffleNetV1/network.py, does.

        The standard deviation of a convolution is one over the channels that enter a group, and 0.01 on the image. It
        is 0.01 in linear layers. The biases of norms are 0.0001, all others zero. No norm starts at zero there.
        """
        if isinstance(layer, nn.Conv2d):
            on_image = layer.in_channels == IMAGE_CHANNELS
            nn.init.normal_(layer.weight, std=0.01 if on_image else 1 / layer.weight.shape[1])
        elif isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=0.01)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.constant_(layer.bias, 0.0001)
        if isinstance(layer, nn.Conv2d | nn.Linear) and layer.bias is not None:
            nn.init.zeros_(layer.bias)

    def forward(self, features: Tensor) -> Tensor:
        """(N, width_in, H, W) -> (N, width_out, ceil(H / stride), ceil(W / stride))."""
        shuffled = shuffle_channels(self.norm1(self.conv1(features)), self.groups)
        branch = self.conv3(self.excite(ShuffleSite.INNER, self.norm2(self.depthwise(shuffled))))
        if self.joins_in_norm:
            joined = self.norm3(branch, features)
        else:
            branch = self.excite(ShuffleSite.STANDARD, self.norm3(branch))
            both = torch.cat([branch, self.pool(features)], dim=1) if self.is_strided else branch + features
            joined = F.relu(both, inplace=True)
        return self.excite(ShuffleSite.POST, joined)

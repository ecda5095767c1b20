"""The block of ShuffleNetV2: arXiv 1807.11164, figure 3, with the layers of torchvision's shufflenetv2.py."""

from typing import cast

from torch import Tensor, nn

from se_nas.models.blocks.block import AttendedBlock
from se_nas.models.convolution import SpatialConv2d
from se_nas.models.initialisation import initialise_as_torch
from se_nas.models.normalisation import BatchNorm
from se_nas.models.shuffle import interleave_channels
from se_nas.space.activation import Activation
from se_nas.space.families.shuffle_v1 import ShuffleSite
from se_nas.space.families.shuffle_v2 import ShuffleV2Block
from se_nas.space.parts.stage import BlockShape


class ShuffleV2BlockModule(AttendedBlock):
    """Two branches with half of the width each, whose channels are interleaved.

    The second branch has a 1×1, a depthwise 3×3 and a 1×1. If the block keeps the shape, the first branch passes half
    of the channels unchanged. If not, it has a depthwise 3×3 and a 1×1.
    """

    def __init__(self, shape: BlockShape) -> None:
        super().__init__(shape)
        family = cast(ShuffleV2Block, shape.family)
        half = shape.width_out // 2
        splits = family.splits(width_in=shape.width_in, width_out=shape.width_out, stride=shape.stride)
        self.other = None if splits else _other_branch(shape.width_in, half, shape.stride)
        self.conv1 = nn.Conv2d(half if splits else shape.width_in, half, 1, bias=False)
        self.norm1 = BatchNorm(half, activation=Activation.RELU)
        self.depthwise = _depthwise(half, shape.stride)
        self.norm2 = BatchNorm(half)
        self.attend(shape, ShuffleSite.INNER)
        self.conv3 = nn.Conv2d(half, half, 1, bias=False)
        self.norm3 = BatchNorm(half, activation=Activation.RELU)
        self.attend(shape, ShuffleSite.STANDARD)
        self.attend(shape, ShuffleSite.POST)

    @staticmethod
    def initialise_layer(layer: nn.Module) -> None:
        """Draw one layer's weights as torchvision's shufflenetv2.py does. No norm starts at zero there."""
        initialise_as_torch(layer)

    def forward(self, features: Tensor) -> Tensor:
        """(N, width_in, H, W) -> (N, width_out, ceil(H / stride), ceil(W / stride))."""
        if self.other is None:
            first, second = features.chunk(2, dim=1)
        else:
            first, second = self.other(features), features
        inner = self.excite(ShuffleSite.INNER, self.norm2(self.depthwise(self.norm1(self.conv1(second)))))
        second = self.excite(ShuffleSite.STANDARD, self.norm3(self.conv3(inner)))
        return self.excite(ShuffleSite.POST, interleave_channels(first, second))


def _other_branch(width_in: int, half: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        _depthwise(width_in, stride),
        BatchNorm(width_in),
        nn.Conv2d(width_in, half, 1, bias=False),
        BatchNorm(half, activation=Activation.RELU),
    )


def _depthwise(width: int, stride: int) -> SpatialConv2d:
    return SpatialConv2d(width, width, 3, stride=stride, padding=1, groups=width, bias=False)

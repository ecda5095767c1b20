"""The block of MobileNetV1: arXiv 1704.04861, figure 3, with the order of parameters of timm and pytorchcv."""

from typing import cast

from torch import Tensor, nn

from se_nas.models.blocks.block import AttendedBlock
from se_nas.models.convolution import SpatialConv2d
from se_nas.models.initialisation import initialise_by_fan_out_of_group
from se_nas.models.normalisation import BatchNorm
from se_nas.space.activation import Activation
from se_nas.space.families.separable import SeparableBlock, SeparableSite
from se_nas.space.parts.stage import BlockShape


class SeparableBlockModule(AttendedBlock):
    """A depthwise convolution and a 1×1 convolution, each with norm and activation, without a shortcut."""

    def __init__(self, shape: BlockShape) -> None:
        super().__init__(shape)
        family = cast(SeparableBlock, shape.family)
        width_in, kernel, activation = shape.width_in, family.kernel, Activation(family.activation)
        self.depthwise = SpatialConv2d(
            width_in, width_in, kernel, stride=shape.stride, padding=kernel // 2, groups=width_in, bias=False
        )
        self.norm1 = BatchNorm(width_in, activation=activation)
        self.attend(shape, SeparableSite.INNER)
        self.pointwise = nn.Conv2d(width_in, shape.width_out, 1, bias=False)
        self.norm2 = BatchNorm(shape.width_out, activation=activation)
        self.attend(shape, SeparableSite.END)

    @staticmethod
    def initialise_layer(layer: nn.Module) -> None:
        """Draw one layer's weights as timm's MobileNetV1 does."""
        initialise_by_fan_out_of_group(layer)

    def forward(self, features: Tensor) -> Tensor:
        """(N, width_in, H, W) -> (N, width_out, ceil(H / stride), ceil(W / stride))."""
        inner = self.excite(SeparableSite.INNER, self.norm1(self.depthwise(features)))
        return self.excite(SeparableSite.END, self.norm2(self.pointwise(inner)))

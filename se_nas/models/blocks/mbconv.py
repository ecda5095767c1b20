"""MBConv, and its fused form: arXiv 1801.04381, figure 3, and arXiv 2104.00298, figure 2, with the order of parameters
of torchvision and timm."""

from typing import cast

from torch import Tensor, nn

from se_nas.models.blocks.block import AttendedBlock
from se_nas.models.convolution import SpatialConv2d
from se_nas.models.initialisation import initialise_by_fan_out_of_group
from se_nas.models.normalisation import BatchNorm
from se_nas.space.activation import Activation
from se_nas.space.families.fused_mbconv import FusedMBConv
from se_nas.space.families.mbconv import MBConv
from se_nas.space.families.regnet import Site
from se_nas.space.parts.stage import BlockShape


class MBConvModule(AttendedBlock):
    """A first 1×1 if the block expands, a depthwise convolution and a 1×1, beside a shortcut that keeps the shape.

    No norm starts at zero, as in tensorflow/tpu, torchvision and timm.
    """

    def __init__(self, shape: BlockShape) -> None:
        super().__init__(shape)
        family = cast(MBConv, shape.family)
        inner, kernel, activation = family.inner_width(shape.width_in), family.kernel, Activation(family.activation)
        self.has_shortcut = family.has_shortcut(width_in=shape.width_in, width_out=shape.width_out, stride=shape.stride)
        self.attend(shape, Site.PRE)
        self.expand = nn.Sequential()
        if family.expands:
            self.expand.append(nn.Conv2d(shape.width_in, inner, 1, bias=False))
            self.expand.append(BatchNorm(inner, activation=activation))
        self.depthwise = SpatialConv2d(
            inner, inner, kernel, stride=shape.stride, padding=kernel // 2, groups=inner, bias=False
        )
        self.norm1 = BatchNorm(inner, activation=activation)
        self.attend(shape, Site.INNER)
        self.project = nn.Conv2d(inner, shape.width_out, 1, bias=False)
        self.norm2 = BatchNorm(shape.width_out)
        for site in (Site.STANDARD, Site.IDENTITY, Site.POST):
            self.attend(shape, site)

    @staticmethod
    def initialise_layer(layer: nn.Module) -> None:
        """Draw one layer's weights as tensorflow/tpu and timm do."""
        initialise_by_fan_out_of_group(layer)

    def forward(self, features: Tensor) -> Tensor:
        """(N, width_in, H, W) -> (N, width_out, ceil(H / stride), ceil(W / stride))."""
        inner = self.norm1(self.depthwise(self.expand(self.excite(Site.PRE, features))))
        projected = self.project(self.excite(Site.INNER, inner))
        if self.has_shortcut and self.site != Site.STANDARD:
            joined = self.norm2(projected, self.excite(Site.IDENTITY, features))
            return self.excite(Site.POST, joined)
        branch = self.excite(Site.STANDARD, self.norm2(projected))
        return features + branch if self.has_shortcut else branch


class FusedMBConvModule(AttendedBlock):
    """A convolution K×K and a 1×1, or only the convolution K×K, beside a shortcut that keeps the shape.

    No norm starts at zero, as in tensorflow/tpu, torchvision and timm.
    """

    def __init__(self, shape: BlockShape) -> None:
        super().__init__(shape)
        family = cast(FusedMBConv, shape.family)
        kernel, activation = family.kernel, Activation(family.activation)
        inner = family.inner_width(shape.width_in) if family.expands else shape.width_out
        self.has_shortcut = family.has_shortcut(width_in=shape.width_in, width_out=shape.width_out, stride=shape.stride)
        self.attend(shape, Site.PRE)
        self.conv = SpatialConv2d(shape.width_in, inner, kernel, stride=shape.stride, padding=kernel // 2, bias=False)
        self.norm1 = BatchNorm(inner, activation=activation)
        self.attend(shape, Site.INNER)
        self.project = nn.Sequential()
        if family.expands:
            self.project.append(nn.Conv2d(inner, shape.width_out, 1, bias=False))
            self.project.append(BatchNorm(shape.width_out))
        for site in (Site.STANDARD, Site.IDENTITY, Site.POST):
            self.attend(shape, site)

    @staticmethod
    def initialise_layer(layer: nn.Module) -> None:
        """Draw one layer's weights as tensorflow/tpu and timm do."""
        initialise_by_fan_out_of_group(layer)

    def forward(self, features: Tensor) -> Tensor:
        """(N, width_in, H, W) -> (N, width_out, ceil(H / stride), ceil(W / stride))."""
        inner = self.norm1(self.conv(self.excite(Site.PRE, features)))
        branch = self.excite(Site.STANDARD, self.project(self.excite(Site.INNER, inner)))
        if not self.has_shortcut:
            return branch
        return self.excite(Site.POST, self.excite(Site.IDENTITY, features) + branch)

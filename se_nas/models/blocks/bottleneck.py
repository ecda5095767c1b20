"""The bottleneck block: He et al., arXiv 1512.03385, figure 5, right; with groups, ResNeXt, arXiv 1611.05431."""

from typing import cast

from se_nas.models.blocks.residual import ResidualModule
from se_nas.models.convolution import GroupedConv2d, PointwiseConv2d
from se_nas.space.families.bottleneck import BottleneckBlock
from se_nas.space.families.shortcuts import Shortcut
from se_nas.space.parts.stage import BlockShape


class BottleneckBlockModule(ResidualModule):
    """Convolutions 1×1, grouped 3×3 and 1×1 beside a shortcut. The inner site follows the 3×3."""

    def __init__(self, shape: BlockShape) -> None:
        family = cast(BottleneckBlock, shape.family)
        inner, entry = family.inner_width(shape.width_out), family.entry_width(shape.width_out)
        strides = (shape.stride, 1) if family.stride_at == "1x1" else (1, shape.stride)
        super().__init__(
            shape,
            [
                PointwiseConv2d(shape.width_in, entry, stride=strides[0]),
                GroupedConv2d(entry, inner, 3, stride=strides[1], padding=1, groups=family.groups, bias=False),
                PointwiseConv2d(inner, shape.width_out),
            ],
            inner_after=2,
            shortcut=Shortcut(family.shortcut),
            pre_activation=family.pre_activation,
        )

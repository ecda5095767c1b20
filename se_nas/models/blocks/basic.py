"""The basic residual block: He et al., arXiv 1512.03385, figure 5, left."""

from typing import cast

from se_nas.models.blocks.residual import ResidualModule
from se_nas.models.convolution import SpatialConv2d
from se_nas.space.families.basic import BasicBlock
from se_nas.space.families.shortcuts import Shortcut
from se_nas.space.parts.stage import BlockShape


class BasicBlockModule(ResidualModule):
    """Two 3×3 convolutions beside a shortcut. The inner site lies between them."""

    def __init__(self, shape: BlockShape) -> None:
        family = cast(BasicBlock, shape.family)
        width = shape.width_out
        super().__init__(
            shape,
            [
                SpatialConv2d(shape.width_in, width, 3, stride=shape.stride, padding=1, bias=False),
                SpatialConv2d(width, width, 3, padding=1, bias=False),
            ],
            inner_after=1,
            shortcut=Shortcut(family.shortcut),
            pre_activation=family.pre_activation,
        )

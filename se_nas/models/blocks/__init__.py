"""Modules of blocks: one file for each block family."""

from se_nas.models.blocks.basic import BasicBlockModule
from se_nas.models.blocks.block import BlockModule
from se_nas.models.blocks.bottleneck import BottleneckBlockModule
from se_nas.models.blocks.dense import DenseLayerModule
from se_nas.models.blocks.mbconv import FusedMBConvModule, MBConvModule
from se_nas.models.blocks.regnet import RegNetBlockModule
from se_nas.models.blocks.separable import SeparableBlockModule
from se_nas.models.blocks.shuffle_v1 import ShuffleV1BlockModule
from se_nas.models.blocks.shuffle_v2 import ShuffleV2BlockModule
from se_nas.models.blocks.transition import TransitionModule
from se_nas.models.blocks.xception import XceptionBlockModule
from se_nas.space.families.basic import BasicBlock
from se_nas.space.families.bottleneck import BottleneckBlock
from se_nas.space.families.dense import DenseLayer
from se_nas.space.families.family import BlockFamily
from se_nas.space.families.fused_mbconv import FusedMBConv
from se_nas.space.families.mbconv import MBConv
from se_nas.space.families.regnet import RegNetBlock
from se_nas.space.families.separable import SeparableBlock
from se_nas.space.families.shuffle_v1 import ShuffleV1Block
from se_nas.space.families.shuffle_v2 import ShuffleV2Block
from se_nas.space.families.transition import Transition
from se_nas.space.families.xception import XceptionBlock
from se_nas.space.parts.stage import BlockShape

BLOCKS: dict[type[BlockFamily], type[BlockModule]] = {
    RegNetBlock: RegNetBlockModule,
    BottleneckBlock: BottleneckBlockModule,
    BasicBlock: BasicBlockModule,
    DenseLayer: DenseLayerModule,
    Transition: TransitionModule,
    SeparableBlock: SeparableBlockModule,
    XceptionBlock: XceptionBlockModule,
    ShuffleV1Block: ShuffleV1BlockModule,
    ShuffleV2Block: ShuffleV2BlockModule,
    MBConv: MBConvModule,
    FusedMBConv: FusedMBConvModule,
}


def build_block(shape: BlockShape) -> BlockModule:
    """Build the module of one block, by its family."""
    return BLOCKS[type(shape.family)](shape)

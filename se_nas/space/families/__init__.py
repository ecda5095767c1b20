"""Block families: one file each, with the record of its blocks, its YAML keys, its widths and its sites."""

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

FAMILIES: dict[str, type[BlockFamily]] = {
    RegNetBlock.name: RegNetBlock,
    BottleneckBlock.name: BottleneckBlock,
    BasicBlock.name: BasicBlock,
    DenseLayer.name: DenseLayer,
    Transition.name: Transition,
    SeparableBlock.name: SeparableBlock,
    XceptionBlock.name: XceptionBlock,
    ShuffleV1Block.name: ShuffleV1Block,
    ShuffleV2Block.name: ShuffleV2Block,
    MBConv.name: MBConv,
    FusedMBConv.name: FusedMBConv,
}

DEFAULT_FAMILY = RegNetBlock.name
"""The family of a stage whose file names none, as in all files of version 0.1."""

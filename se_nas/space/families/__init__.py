"""Block families: one file each, with the record of its blocks, its YAML keys, its widths and its sites."""

from se_nas.space.families.dense import DenseLayer
from se_nas.space.families.family import BlockFamily
from se_nas.space.families.regnet import RegNetBlock
from se_nas.space.families.transition import Transition

FAMILIES: dict[str, type[BlockFamily]] = {
    RegNetBlock.name: RegNetBlock,
    DenseLayer.name: DenseLayer,
    Transition.name: Transition,
}

DEFAULT_FAMILY = RegNetBlock.name
"""The family of a stage whose file names none, as in all files of version 0.1."""

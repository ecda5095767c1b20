"""Builds the `nn.Module` of an architecture: a stem, the blocks of its stages, and a head."""

from collections import OrderedDict
from itertools import chain

from torch import nn

from se_nas.models.attention.module import AttentionModule
from se_nas.models.blocks import build_block
from se_nas.models.head import Head
from se_nas.models.normalisation import BatchNorm
from se_nas.models.own_network import build_own
from se_nas.models.stem import build_stem
from se_nas.space.architecture import Architecture
from se_nas.space.parts.own_trunk import OwnTrunk


def build_model(architecture: Architecture, *, num_classes: int) -> nn.Module:
    """Build the network and draw its weights from torch's global generator: (N, 3, H, W) -> (N, num_classes) logits.

    Each block is initialised as its family is, the stem as the first block, and the head as the last block.
    """
    if isinstance(architecture.stem, OwnTrunk):
        return _with_initial_attention(build_own(architecture, num_classes=num_classes))
    stages = [[build_block(block) for block in blocks] for blocks in architecture.blocks()]
    model = nn.Sequential(
        OrderedDict(
            [
                ("stem", build_stem(architecture.stem)),
                *((f"stage{number}", nn.Sequential(*blocks)) for number, blocks in enumerate(stages, start=1)),
                ("head", Head(architecture.tail, architecture.width_out, num_classes)),
            ]
        )
    )
    for layer in model.modules():
        if isinstance(layer, BatchNorm):
            layer.eps, layer.momentum = architecture.norm.epsilon, architecture.norm.momentum
    model.get_submodule("stem").apply(stages[0][0].initialise_layer)
    for block in chain.from_iterable(stages):
        block.initialise()
    model.get_submodule("head").apply(stages[-1][-1].initialise_layer)
    return _with_initial_attention(model)


def _with_initial_attention(model: nn.Module) -> nn.Module:
    for layer in model.modules():
        if isinstance(layer, AttentionModule):
            layer.initialise()
    return model

"""Builds the `nn.Module` of an architecture: a stem, the blocks of its stages, and a head."""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import chain

import torch
from torch import nn

from se_nas.models.attention.module import AttentionModule
from se_nas.models.blocks import build_block
from se_nas.models.blocks.block import BlockModule
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
    stages = _build_stages(architecture)
    model = _join(architecture, build_stem(architecture.stem), stages, num_classes)
    model.get_submodule("stem").apply(stages[0][0].initialise_layer)
    for block in chain.from_iterable(stages):
        block.initialise()
    model.get_submodule("head").apply(stages[-1][-1].initialise_layer)
    return _with_initial_attention(model)


def build_empty_model(architecture: Architecture, *, num_classes: int) -> nn.Module:
    """Build the network on torch's device "meta", without memory for its weights, to be filled with given weights.

    No weights are drawn: on that device, torch loads its compiler for normal weights, which takes seconds. A user's own
    network has weights, because its code may need them.
    """
    if isinstance(architecture.stem, OwnTrunk):
        return build_model(architecture, num_classes=num_classes)
    with torch.device("meta"):
        stages = _build_stages(architecture)
        return _join(architecture, build_stem(architecture.stem), stages, num_classes)


def _build_stages(architecture: Architecture) -> list[list[BlockModule]]:
    return [[build_block(block) for block in blocks] for blocks in architecture.blocks()]


def _join(
    architecture: Architecture, stem: nn.Module, stages: Sequence[Sequence[BlockModule]], num_classes: int
) -> nn.Module:
    """The network with this stem and these blocks, and with a head."""
    model = nn.Sequential(
        OrderedDict(
            [
                ("stem", stem),
                *((f"stage{number}", nn.Sequential(*blocks)) for number, blocks in enumerate(stages, start=1)),
                ("head", Head(architecture.tail, architecture.width_out, num_classes)),
            ]
        )
    )
    for layer in model.modules():
        if isinstance(layer, BatchNorm):
            layer.eps, layer.momentum = architecture.norm.epsilon, architecture.norm.momentum
    return model


def _with_initial_attention(model: nn.Module) -> nn.Module:
    for layer in model.modules():
        if isinstance(layer, AttentionModule):
            layer.initialise()
    return model

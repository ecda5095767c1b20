"""Networks that start with the weights of another network: which of their SE keeps its form, and which starts at 1."""

from dataclasses import replace

from se_nas.space.architecture import Architecture
from se_nas.space.attention.attention import ChannelAttention
from se_nas.space.attention.squeeze_excite import Gate, SqueezeExciteSpec
from se_nas.space.parts.stage import BlockShape


def starting_unchanged(network: Architecture, pretrained: Architecture) -> Architecture:
    """The network with SE that leaves the pretrained network's output unchanged at the start.

    SE that equals that of the pretrained network in the same block gets its weights, so it stays. All other SE gets the
    gate `twice-sigmoid`, which starts at 1. ValueError for another kind of attention, which has no such gate.
    """
    stages = [
        stage.with_se(tuple(_starting(block, other) for block, other in zip(own, known, strict=True)))
        for stage, own, known in zip(network.stages, network.blocks(), pretrained.blocks(), strict=True)
    ]
    return replace(network, stages=tuple(stages))


def _starting(block: BlockShape, known: BlockShape) -> ChannelAttention | None:
    if block.se is None or (known.se is not None and block.se.identity == known.se.identity):
        return None if block.se is None else block.se.attention
    spec = block.se.attention
    if not isinstance(spec, SqueezeExciteSpec):
        raise ValueError(f"with pretrained weights, only SE can start unchanged, but got {spec.name}")
    return replace(spec, gate=Gate.TWICE_SIGMOID)

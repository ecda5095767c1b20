"""Habit: the attention of the published networks of a trunk's family, and the names of these networks.

The blocks of one published network may have several activations: MobileNetV3 has ReLU in its first stages and
hard-swish behind them (arXiv 1905.02244, section 5.2), and the same SE in all. So the trunk decides, not the block.
"""

from dataclasses import replace

from se_nas.space.activation import Activation
from se_nas.space.architecture import Architecture
from se_nas.space.attention.attention import ChannelAttention
from se_nas.space.attention.squeeze_excite import SqueezeExciteSpec
from se_nas.space.families.family import BlockFamily
from se_nas.space.families.fused_mbconv import FusedMBConv
from se_nas.space.families.mbconv import FBNET_V3_NAMES, SE_FBNET_V3, MBConv
from se_nas.space.parts.stage import BlockShape


def published_attention(block: BlockShape, trunk: Architecture) -> ChannelAttention:
    """The attention of a block of this trunk in the published networks of the trunk's family.

    A block that is too narrow for the published ratio has the largest ratio that leaves a channel. A block may lack the
    site, as a transition beside layers that have SE.
    """
    if isinstance(block.family, MBConv) and _is_fbnet_v3(trunk):
        spec: ChannelAttention = SE_FBNET_V3
    else:
        spec = _as_in_its_trunk(block.family, trunk).published_attention
    return leaving_a_channel(spec, block)


def leaving_a_channel(attention: ChannelAttention, block: BlockShape) -> ChannelAttention:
    """The attention, with the largest ratio that leaves a channel if the block is too narrow for its own ratio."""
    channels = block.sites.get(attention.site)
    if channels is None or not isinstance(attention, SqueezeExciteSpec):
        return attention
    return attention.leaving_a_channel(block_width_in=block.width_in, site_width=channels)


def published_names(trunk: Architecture) -> tuple[str, str]:
    """The names of the published networks of such blocks: without SE, and with it. Several families are joined."""
    if _is_fbnet_v3(trunk):
        return FBNET_V3_NAMES
    families = [_as_in_its_trunk(block.family, trunk) for blocks in trunk.blocks() for block in blocks]
    if any(isinstance(family, FusedMBConv) for family in families):  # EfficientNetV2 has blocks that are not fused
        families = [family for family in families if not isinstance(family, MBConv)]
    plain, with_se = zip(*dict.fromkeys(family.published_names for family in families), strict=True)
    return " + ".join(plain), " + ".join(with_se)


def _as_in_its_trunk(family: BlockFamily, trunk: Architecture) -> BlockFamily:
    """The record of a block, with the activation by which its trunk's family is known."""
    if not isinstance(family, MBConv | FusedMBConv):
        return family
    return replace(family, activation=_known_by(trunk) or family.activation)


def _known_by(trunk: Architecture) -> Activation | None:
    """The activation by which the family of MBConv blocks is known; None if all blocks are known by their own.

    A hidden layer behind the pool is MobileNetV3's, also where all activations are ReLU (its minimal networks in timm).
    """
    used = _activations(trunk)
    for activation in (Activation.HARD_SWISH, Activation.SILU):
        if activation in used:
            return activation
    return Activation.HARD_SWISH if trunk.tail.hidden is not None else None


def _is_fbnet_v3(trunk: Architecture) -> bool:
    """Whether a trunk has hard-swish in all MBConv blocks, and a hidden layer without biases (FBNetV3 in timm)."""
    return (
        _activations(trunk) == {Activation.HARD_SWISH} and trunk.tail.hidden is not None and not trunk.tail.hidden_bias
    )


def _activations(trunk: Architecture) -> set[str]:
    families = (block.family for blocks in trunk.blocks() for block in blocks)
    return {family.activation for family in families if isinstance(family, MBConv | FusedMBConv)}

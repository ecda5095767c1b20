"""Modules of channel attention: one file for each kind."""

from se_nas.models.attention.module import AttentionModule
from se_nas.models.attention.squeeze_excite import SqueezeExcite
from se_nas.space.attention.attention import AttentionShape, ChannelAttention
from se_nas.space.attention.squeeze_excite import SqueezeExciteSpec

ATTENTION_MODULES: dict[type[ChannelAttention], type[AttentionModule]] = {SqueezeExciteSpec: SqueezeExcite}


def build_attention(shape: AttentionShape) -> AttentionModule:
    """Build the module of channel attention, by its kind."""
    return ATTENTION_MODULES[type(shape.attention)].of(shape)

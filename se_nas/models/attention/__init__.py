"""Modules of channel attention: one file for each kind."""

from torch import nn

from se_nas.models.attention.module import AttentionModule
from se_nas.models.attention.squeeze_excite import SqueezeExcite
from se_nas.models.attention.switched import SwitchedAttention
from se_nas.space.attention.attention import AttentionShape, ChannelAttention
from se_nas.space.attention.squeeze_excite import SqueezeExciteSpec
from se_nas.space.attention.switched import Switched

ATTENTION_MODULES: dict[type[ChannelAttention], type[AttentionModule]] = {SqueezeExciteSpec: SqueezeExcite}


def build_attention(shape: AttentionShape) -> nn.Module:
    """Build the module of channel attention, by its kind. In a supernet, it has a switch."""
    switched = shape.attention
    if isinstance(switched, Switched):
        inside = switched.inside(shape)
        module = ATTENTION_MODULES[type(inside.attention)].of(inside)
        return SwitchedAttention(module, place=switched.place, hidden=shape.hidden)
    return ATTENTION_MODULES[type(shape.attention)].of(shape)

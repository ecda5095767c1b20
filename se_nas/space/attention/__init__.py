"""Kinds of channel attention: one file each, with its record, its YAML keys and its token."""

from se_nas.space.attention.attention import ChannelAttention
from se_nas.space.attention.squeeze_excite import SqueezeExciteSpec

ATTENTIONS: dict[str, type[ChannelAttention]] = {SqueezeExciteSpec.name: SqueezeExciteSpec}

DEFAULT_ATTENTION = SqueezeExciteSpec.name
"""The kind of a stage whose search space names none, and of a token without the name of a kind."""

"""ChannelAttention: what the space needs to know of a kind of channel attention, such as Squeeze-and-Excitation.

Channel attention multiplies each channel of a map by a gate, which it computes from the means of the channels. The
module of a kind is in `models.attention`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from se_nas.space.settings import Key


class ChannelAttention(Protocol):
    """A kind of channel attention: a frozen record of its site and of its properties, as a design sets them.

    The record's fields are `site` and its `keys`.
    """

    name: ClassVar[str]
    """Its key in a search space, and the start of its token."""
    keys: ClassVar[Mapping[str, Key]]
    """Its keys in a search space, beside `present` and `site`."""
    token_forms: ClassVar[tuple[str, ...]]
    """The forms of its token, for messages."""
    size_name: ClassVar[str]
    """The name of the property that sets its size."""

    def __init__(self, *, site: str, **properties: Any) -> None:
        """Make the record. ValueError if its values do not fit each other."""

    @property
    def site(self) -> str:
        """The name of its place in the block. The block's family names the places."""

    @property
    def size(self) -> float:
        """The value of the property that sets its size."""

    @property
    def share(self) -> float:
        """A number above 0 that is larger for a larger module of this kind."""

    @property
    def token(self) -> str:
        """Its short written form, without the name of its kind. `parse` reads it back."""

    @classmethod
    def parse(cls, token: str) -> "ChannelAttention":
        """Read a `token`. ValueError if it has another form than `token_forms`."""

    def hidden_width(self, *, block_width_in: int, site_width: int) -> int:
        """The width of its hidden layer, or of its kernel. Tables and figures show it.

        ValueError if it has no channel in such a block."""

    def identity(self, hidden: int) -> tuple[Any, ...]:
        """JSON values of a module in a given block. Two modules are the same there exactly if the values are equal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionShape:
    """Channel attention in a block, with its numbers of channels, from which a model builds it."""

    attention: ChannelAttention
    channels: int
    hidden: int

    @property
    def identity(self) -> tuple[Any, ...]:
        """A key of a module in a given block. Two modules are the same there exactly if their keys are equal."""
        return self.attention.identity(self.hidden)


def attention_shape(attention: ChannelAttention, *, block_width_in: int, sites: Mapping[str, int]) -> AttentionShape:
    """The attention in a block that has these `sites`. ValueError if the block lacks the attention's site, or is too
    narrow for the attention."""
    channels = sites.get(attention.site)
    if channels is None:
        raise ValueError(f"this block has no site '{attention.site}'; it has {', '.join(sites)}")
    hidden = attention.hidden_width(block_width_in=block_width_in, site_width=channels)
    return AttentionShape(attention=attention, channels=channels, hidden=hidden)

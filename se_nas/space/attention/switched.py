"""Switched attention: attention of a supernet that is on or off, and as wide as one placement or another wants."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from se_nas.space.attention.attention import AttentionShape, ChannelAttention
from se_nas.space.settings import Key

Place = tuple[int, int]
"""A stage and a block of it, both counted from 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switched:
    """The widest attention that a block may have, with a switch. Only a supernet has it, and no file names it."""

    name: ClassVar[str] = "switched"
    keys: ClassVar[Mapping[str, Key]] = {}
    token_forms: ClassVar[tuple[str, ...]] = ()
    size_name: ClassVar[str] = "size"

    attention: ChannelAttention
    place: Place

    @property
    def site(self) -> str:
        """The site of the attention."""
        return self.attention.site

    @property
    def size(self) -> float:
        """The size of the attention."""
        return self.attention.size

    @property
    def share(self) -> float:
        """The share of the attention."""
        return self.attention.share

    @property
    def token(self) -> str:
        """The token of the attention."""
        return self.attention.token

    @classmethod
    def parse(cls, token: str) -> "Switched":
        """Raise ValueError: no file has switched attention."""
        raise ValueError(f"switched attention is not written in files, but got {token!r}")

    def hidden_width(self, *, block_width_in: int, site_width: int) -> int:
        """The hidden width of the attention."""
        return self.attention.hidden_width(block_width_in=block_width_in, site_width=site_width)

    def identity(self, hidden: int) -> tuple[Any, ...]:
        """The identity of the attention, and its place."""
        return (*self.attention.identity(hidden), self.name, *self.place)

    def inside(self, shape: AttentionShape) -> AttentionShape:
        """The shape of the attention without its switch."""
        return AttentionShape(attention=self.attention, channels=shape.channels, hidden=shape.hidden)

"""BlockFamily: what the space needs to know of a family of blocks. The module of a family is in `models.blocks`."""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from se_nas.space.attention.attention import ChannelAttention
from se_nas.space.settings import Key

COMMON_KEYS = ("depth", "width", "stride")
"""The keys that the stages of every family have in YAML files."""


class BlockFamily(Protocol):
    """A family of blocks: a frozen record of the properties that a block has beside its width and its stride.

    The record's fields are its `keys` without the common keys. `width` is the number that a YAML file gives to a stage.
    Only the record knows how many channels a block has inside and at its end.
    """

    name: ClassVar[str]
    """The value of the key `family` in YAML files."""
    keys: ClassVar[Mapping[str, Key]]
    """The keys that its stages have in YAML files beside the common keys. A common key is also here if the family reads
    it in another way. With a default, it is no property of a stage of its own: a transition has no width."""
    site_names: ClassVar[tuple[str, ...]]
    """The names of the places where its blocks can have channel attention."""

    def __init__(self, **properties: Any) -> None:
        """Make the record of these properties. ValueError if they do not fit each other."""

    @property
    def published_names(self) -> tuple[str, str]:
        """The names of published networks of such blocks: without attention, and with it."""

    @property
    def published_attention(self) -> ChannelAttention:
        """The attention in the published networks."""

    @classmethod
    def default_attention(cls) -> ChannelAttention:
        """The attention whose site and properties a search space has where its file names none."""

    @classmethod
    def fit(cls, width: int, properties: Mapping[str, Any]) -> "tuple[int, BlockFamily]":
        """A width close to `width` that blocks with these properties can have, and their record."""

    def check(self, *, width: int, stride: int) -> None:
        """Check a stage's width, and the stride of its first block. ValueError if the family has no such blocks."""

    def width_out(self, *, width_in: int, width: int) -> int:
        """The number of channels that leave a block."""

    def sites(self, *, width_in: int, width_out: int, stride: int) -> Mapping[str, int]:
        """The number of channels at each site that this block has. ValueError if there is no block of these widths at
        this stride."""

    def identity(self, *, width_in: int, width_out: int, stride: int) -> tuple[Any, ...]:
        """JSON values that are equal for two blocks without attention exactly if they build the same module."""

    def columns(self, width: int) -> Mapping[str, str]:
        """The cells of a stage in tables, by the heading of their column."""


def is_own(key: str, family: type[BlockFamily]) -> bool:
    """Whether a common key, such as `width`, says something about a stage of this family."""
    return key not in family.keys or family.keys[key].default is None


def property_keys(family: type[BlockFamily]) -> dict[str, Key]:
    """The keys of a family that are fields of its record."""
    return {name: key for name, key in family.keys.items() if name not in COMMON_KEYS}

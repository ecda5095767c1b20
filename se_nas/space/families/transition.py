"""DenseNet's transition, which compresses the maps of a dense block and halves their sides."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from se_nas.space.attention.squeeze_excite import SqueezeExciteSpec
from se_nas.space.families.dense import SE_DENSENET, DenseSite
from se_nas.space.settings import Key, Parser, is_real, is_whole

COMPRESSION = Key(
    Parser("a number above 0 and at most 1", lambda value: is_real(value) and 0 < value <= 1), default=0.5
)


def _only(value: int, why: str) -> Key:
    return Key(Parser(f"{value} ({why})", lambda given: is_whole(given) and given == value), default=value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A 1×1 convolution and average pooling 2×2: Huang et al., arXiv 1608.06993, section 3.

    `compression` is the paper's θ: the convolution keeps this fraction of the channels that enter, rounded down. The
    pool rounds the sides of the map down too, so a map of one pixel cannot enter. A transition has no width of its own.
    """

    name: ClassVar[str] = "transition"
    keys: ClassVar[Mapping[str, Key]] = {
        "depth": _only(1, "a transition is one block"),
        "width": _only(1, "the width of a transition follows from what enters it"),
        "stride": _only(2, "a transition halves the map"),
        "compression": COMPRESSION,
    }
    site_names: ClassVar[tuple[str, ...]] = (DenseSite.OUTPUT,)
    published_names: ClassVar[tuple[str, str]] = ("DenseNet", "SE-DenseNet")
    published_attention: ClassVar[SqueezeExciteSpec] = SE_DENSENET
    """The attention of the layers, whose site a transition lacks: so it has none beside layers that have it."""

    compression: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.compression <= 1:
            raise ValueError(f"0 < compression <= 1 must hold, but got compression={self.compression}")

    @classmethod
    def default_attention(cls) -> SqueezeExciteSpec:
        """SE on the new maps of the layers behind the transition."""
        return SE_DENSENET

    @classmethod
    def fit(cls, width: int, properties: Mapping[str, Any]) -> "tuple[int, Transition]":
        """A width of 1, which stands for no width of its own, and the block."""
        return 1, cls(**properties)

    def check(self, *, width: int, stride: int) -> None:
        """Check the stride and the width. ValueError for another stride than 2, or for a width of its own."""
        if (width, stride) != (1, 2):
            raise ValueError(
                "a transition has stride 2 and no width of its own (its width is 1), "
                f"but got width={width}, stride={stride}"
            )

    def width_out(self, *, width_in: int, width: int) -> int:
        """The compressed number of the channels that enter. ValueError if the compression leaves no channel."""
        width_out = int(width_in * self.compression)
        if width_out < 1:
            raise ValueError(
                f"a compression of {self.compression:g} leaves no channel of the {width_in} that enter the transition; "
                f"it must be at least 1/{width_in}"
            )
        return width_out

    def sites(self, *, width_in: int, width_out: int, stride: int) -> Mapping[str, int]:
        """The number of channels at its only site, behind the pool."""
        return {DenseSite.OUTPUT: width_out}

    def identity(self, *, width_in: int, width_out: int, stride: int) -> tuple[Any, ...]:
        """The widths."""
        return self.name, width_in, width_out

    def columns(self, width: int) -> Mapping[str, str]:
        """The compression factor."""
        return {"θ": f"{self.compression:g}"}

"""DenseNet's layer: its properties, its widths, and the sites where it can have channel attention."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from se_nas.space.attention.squeeze_excite import Reference, SqueezeExciteSpec
from se_nas.space.settings import Key, Parser, is_whole


class DenseSite(StrEnum):
    """The place of an attention module in a DenseNet. No paper names one."""

    NEW_MAPS = "new maps"
    """On the k maps that a layer adds, before they join the maps that entered it."""
    OUTPUT = "output"
    """On all maps that leave a layer or a transition."""


SE_DENSENET = SqueezeExciteSpec(site=DenseSite.NEW_MAPS, reduction=4, of=Reference.SITE)
"""SE on each layer's new maps. There is no published SE-DenseNet. A layer's new maps are few (12 to 48), so the ratio
is 4, not SENet's 16."""

MOST_BOTTLENECK = 64

BOTTLENECK = Key(
    Parser(
        f"a whole number of 0 to {MOST_BOTTLENECK}", lambda value: is_whole(value) and 0 <= value <= MOST_BOTTLENECK
    ),
    default=4,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseLayer:
    """A layer that adds `width` new maps to those that enter it: Huang et al., arXiv 1608.06993, section 3.

    `width` is the paper's growth rate k. `bottleneck` times k is the width of the 1×1 convolution before the 3×3
    (DenseNet-B; the paper has 4). If it is 0, there is no 1×1 convolution.
    """

    name: ClassVar[str] = "dense"
    keys: ClassVar[Mapping[str, Key]] = {
        "stride": Key(
            Parser("1 (a transition halves the map)", lambda value: is_whole(value) and value == 1), default=1
        ),
        "bottleneck": BOTTLENECK,
    }
    site_names: ClassVar[tuple[str, ...]] = tuple(DenseSite)
    published_names: ClassVar[tuple[str, str]] = ("DenseNet", "SE-DenseNet")
    published_attention: ClassVar[SqueezeExciteSpec] = SE_DENSENET

    bottleneck: int = 4

    def __post_init__(self) -> None:
        if not 0 <= self.bottleneck <= MOST_BOTTLENECK:
            raise ValueError(f"0 <= bottleneck <= {MOST_BOTTLENECK} must hold, but got bottleneck={self.bottleneck}")

    @classmethod
    def default_attention(cls) -> SqueezeExciteSpec:
        """SE on the new maps."""
        return SE_DENSENET

    @classmethod
    def fit(cls, width: int, properties: Mapping[str, Any]) -> "tuple[int, DenseLayer]":
        """The width itself, which is always possible, and its block."""
        return width, cls(**properties)

    def check(self, *, width: int, stride: int) -> None:
        """Check the stride; every width fits. ValueError for a stride."""
        if stride != 1:
            raise ValueError(f"the stride of a dense layer must be 1, but got {stride}; a transition halves the map")

    def width_out(self, *, width_in: int, width: int) -> int:
        """The channels that enter and the new maps."""
        return width_in + width

    def sites(self, *, width_in: int, width_out: int, stride: int) -> Mapping[str, int]:
        """The number of channels at each site. Every layer has all sites."""
        return {DenseSite.NEW_MAPS: width_out - width_in, DenseSite.OUTPUT: width_out}

    def identity(self, *, width_in: int, width_out: int, stride: int) -> tuple[Any, ...]:
        """The widths and the bottleneck."""
        return self.name, width_in, width_out, self.bottleneck

    def columns(self, width: int) -> Mapping[str, str]:
        """The growth rate and the bottleneck."""
        return {"k": str(width), "b": str(self.bottleneck)}

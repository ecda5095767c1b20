"""ShuffleNetV2's block: its widths, and the sites where it can have channel attention."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from se_nas.space.attention.squeeze_excite import Gate, Reference, Rounding, SqueezeExciteSpec
from se_nas.space.families.shuffle_v1 import ShuffleSite
from se_nas.space.settings import Key

SE_SHUFFLENET_V2 = SqueezeExciteSpec(
    site=ShuffleSite.STANDARD,
    reduction=4,
    of=Reference.SITE,
    rounding=Rounding.FLOOR,
    gate=Gate.HARD_SIGMOID,
    bias=False,
)
"""SE as in ShuffleNetV2+ (megvii-model/ShuffleNet-Series), but without the batch norm inside SE. The half of the
channels that passes unchanged has no gate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShuffleV2Block:
    """Two branches, whose channels are shuffled: Ma et al., arXiv 1807.11164, figure 3 (c) and (d).

    A block that keeps the shape splits its channels: one half passes unchanged. Any other block sends all channels
    through both branches.
    """

    name: ClassVar[str] = "shuffle_v2"
    keys: ClassVar[Mapping[str, Key]] = {}
    site_names: ClassVar[tuple[str, ...]] = tuple(ShuffleSite)
    published_names: ClassVar[tuple[str, str]] = ("ShuffleNetV2", "SE-ShuffleNetV2")
    published_attention: ClassVar[SqueezeExciteSpec] = SE_SHUFFLENET_V2

    @classmethod
    def default_attention(cls) -> SqueezeExciteSpec:
        """SE as in ShuffleNetV2+."""
        return SE_SHUFFLENET_V2

    @classmethod
    def fit(cls, width: int, properties: Mapping[str, Any]) -> "tuple[int, ShuffleV2Block]":
        """The width, one more if it is odd, and its block."""
        return width + width % 2, cls()

    def check(self, *, width: int, stride: int) -> None:
        """Check a width; every stride fits. ValueError for an odd width."""
        if width % 2:
            raise ValueError(
                f"the width of a shuffle_v2 block must be even, because it has two halves, but got {width}"
            )

    def width_out(self, *, width_in: int, width: int) -> int:
        """The stage's width."""
        return width

    def splits(self, *, width_in: int, width_out: int, stride: int) -> bool:
        """Whether half of the channels pass unchanged."""
        return stride == 1 and width_in == width_out

    def sites(self, *, width_in: int, width_out: int, stride: int) -> Mapping[str, int]:
        """The number of channels at each site. Every block has all sites."""
        half = width_out // 2
        return {ShuffleSite.STANDARD: half, ShuffleSite.POST: width_out, ShuffleSite.INNER: half}

    def identity(self, *, width_in: int, width_out: int, stride: int) -> tuple[Any, ...]:
        """The widths and the stride."""
        return self.name, width_in, width_out, stride

    def columns(self, width: int) -> Mapping[str, str]:
        """Nothing: the block has no properties."""
        return {}

"""ShuffleNetV1's block: its properties, its widths, and the sites where it can have channel attention."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, ClassVar

from se_nas.space.attention.squeeze_excite import Reference, Rounding, SqueezeExciteSpec
from se_nas.space.decisions import Role
from se_nas.space.settings import FLAG, Key, Parser, is_whole


class ShuffleSite(StrEnum):
    """The place of an attention module in a block of a ShuffleNet."""

    STANDARD = "standard"
    """At the end of the branch, before the branch joins the other half of the block."""
    POST = "post"
    """On all maps that leave the block."""
    INNER = "inner"
    """After the depthwise convolution and its norm."""


SE_SHUFFLENET = SqueezeExciteSpec(site=ShuffleSite.STANDARD, reduction=16, of=Reference.SITE, rounding=Rounding.FLOOR)
"""SE as in SENet's SE-ShuffleNet (arXiv 1709.01507, table 3). The paper does not say where SE is. On the branch it adds
the paper's 0.6 million parameters; after the block it adds 0.7 million."""

MOST_GROUPS = 64
BOTTLENECK = 4
"""The inner width is this fraction of the block's width: arXiv 1707.01083, section 3.2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShuffleV1Block:
    """Grouped 1×1, channel shuffle, depthwise 3×3 and grouped 1×1: Zhang et al., arXiv 1707.01083, figure 2.

    At stride 1 the shortcut is added. At a larger stride the pooled input is concatenated, and the branch has only the
    channels that are left. If `dense_entry`, the first 1×1 of a strided block has no groups, as in the first block of a
    ShuffleNet, where few channels enter.
    """

    name: ClassVar[str] = "shuffle_v1"
    keys: ClassVar[Mapping[str, Key]] = {
        "groups": Key(
            Parser(
                f"a whole number of 1 to {MOST_GROUPS}", lambda value: is_whole(value) and 1 <= value <= MOST_GROUPS
            ),
            default=3,
            role=Role.WIDTH,
        ),
        "dense_entry": Key(replace(FLAG, is_fixed=True), default=False),
    }
    site_names: ClassVar[tuple[str, ...]] = tuple(ShuffleSite)
    published_names: ClassVar[tuple[str, str]] = ("ShuffleNetV1", "SE-ShuffleNetV1")
    published_attention: ClassVar[SqueezeExciteSpec] = SE_SHUFFLENET

    groups: int = 3
    dense_entry: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.groups <= MOST_GROUPS:
            raise ValueError(f"1 <= groups <= {MOST_GROUPS} must hold, but got groups={self.groups}")

    @classmethod
    def default_attention(cls) -> SqueezeExciteSpec:
        """SE as in SE-ShuffleNet."""
        return SE_SHUFFLENET

    @classmethod
    def fit(cls, width: int, properties: Mapping[str, Any]) -> "tuple[int, ShuffleV1Block]":
        """The nearest multiple of four times the groups, and its block."""
        block = cls(**properties)
        step = BOTTLENECK * block.groups
        return max(step, (2 * width + step) // (2 * step) * step), block

    def check(self, *, width: int, stride: int) -> None:
        """Check a width; every stride fits. ValueError unless the groups divide the inner width."""
        if width % (BOTTLENECK * self.groups):
            raise ValueError(
                f"four times the groups must divide the width, because the inner width is a quarter, "
                f"but got groups={self.groups}, width={width}"
            )

    def width_out(self, *, width_in: int, width: int) -> int:
        """The stage's width."""
        return width

    def branch_width(self, *, width_in: int, width_out: int, stride: int) -> int:
        """The number of channels that leave the branch."""
        return width_out if stride == 1 else width_out - width_in

    def entry_groups(self, *, stride: int) -> int:
        """The groups of the first 1×1."""
        return 1 if self.dense_entry and stride > 1 else self.groups

    def sites(self, *, width_in: int, width_out: int, stride: int) -> Mapping[str, int]:
        """The number of channels at each site. ValueError if there is no such block."""
        branch = self.branch_width(width_in=width_in, width_out=width_out, stride=stride)
        if stride == 1 and width_in != width_out:
            raise ValueError(
                f"a shuffle_v1 block of stride 1 keeps the width, but {width_in} channels enter and {width_out} leave"
            )
        if branch < 1:
            raise ValueError(
                "a strided shuffle_v1 block keeps the channels that enter and adds others, "
                f"but {width_in} channels enter and {width_out} leave"
            )
        if width_in % self.entry_groups(stride=stride) or branch % self.groups:
            raise ValueError(
                f"the groups of a shuffle_v1 block must divide the {width_in} channels that enter "
                f"and the {branch} that leave its branch, but got groups={self.groups}"
            )
        return {
            ShuffleSite.STANDARD: branch,
            ShuffleSite.POST: width_out,
            ShuffleSite.INNER: width_out // BOTTLENECK,
        }

    def identity(self, *, width_in: int, width_out: int, stride: int) -> tuple[Any, ...]:
        """The widths, the stride, and the groups of both 1×1 convolutions."""
        return self.name, width_in, width_out, stride, self.groups, self.entry_groups(stride=stride)

    def columns(self, width: int) -> Mapping[str, str]:
        """The groups."""
        return {"groups": f"{self.groups} (dense entry)" if self.dense_entry else str(self.groups)}

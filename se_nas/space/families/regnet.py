"""RegNet's block: its properties, its widths, and the sites where it can have channel attention."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from se_nas.space.attention.squeeze_excite import SqueezeExciteSpec
from se_nas.space.decisions import Role
from se_nas.space.settings import WIDTH, Key, Parser, is_real
from se_nas.space.widths import round_width


class Site(StrEnum):
    """The place of an attention module in a residual block: SENet, arXiv 1709.01507, section 6.5."""

    INNER = "inner"
    """After the grouped 3×3 (RegNetY; SENet's SE_3x3)."""
    STANDARD = "standard"
    """On the residual branch, before the addition."""
    PRE = "pre"
    """On the residual branch's input."""
    POST = "post"
    """After the addition and its activation."""
    IDENTITY = "identity"
    """On the shortcut, parallel to the residual branch."""


REGNETY = SqueezeExciteSpec(site=Site.INNER, reduction=4)
"""SE as in RegNetY: after the 3×3, with a quarter of the block's input width (arXiv 2003.13678, section 5)."""


def _is_ratio(value: Any) -> bool:
    return is_real(value) and 1 / 64 <= value <= 64


def _is_whole_ratio(value: Any) -> bool:
    return _is_ratio(value) and math.isclose(whole := max(value, 1 / value), round(whole))


BOTTLENECK = Key(
    Parser("a whole number up to 64 or one over such a number", _is_whole_ratio),
    written=Parser("a number of 1/64 to 64", _is_ratio),
    default=1,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegNetBlock:
    """RegNet's X block: convolutions 1×1, grouped 3×3 and 1×1, each with batch norm, beside a shortcut.

    Radosavovic et al., "Designing Network Design Spaces", arXiv 2003.13678, figure 4. With SE at the inner site it is
    the Y block. `bottleneck` is the paper's b: the inner width is the block's width divided by b.
    """

    name: ClassVar[str] = "regnet"
    keys: ClassVar[Mapping[str, Key]] = {"group_width": Key(WIDTH, role=Role.WIDTH), "bottleneck": BOTTLENECK}
    site_names: ClassVar[tuple[str, ...]] = tuple(Site)
    published_names: ClassVar[tuple[str, str]] = ("RegNetX", "RegNetY")
    published_attention: ClassVar[SqueezeExciteSpec] = REGNETY

    group_width: int
    bottleneck: float = 1

    def __post_init__(self) -> None:
        if self.group_width < 1:
            raise ValueError(f"a group width must be at least 1, but got {self.group_width}")
        if self.bottleneck <= 0:
            raise ValueError(f"a bottleneck ratio must be positive, but got {self.bottleneck}")

    @classmethod
    def default_attention(cls) -> SqueezeExciteSpec:
        """SE as in RegNetY."""
        return REGNETY

    @classmethod
    def fit(cls, width: int, properties: Mapping[str, Any]) -> "tuple[int, RegNetBlock]":
        """A width close to `width` whose inner width the group width divides, and its block."""
        group_width, bottleneck = int(properties["group_width"]), float(properties["bottleneck"])
        return fit_group_width(width, group_width=group_width, bottleneck=bottleneck)

    def inner_width(self, width: int) -> int:
        """The number of channels of the grouped 3×3 in a block of `width` output channels."""
        return round_width(width / self.bottleneck)

    def check(self, *, width: int, stride: int) -> None:
        """Check a width; every stride fits. ValueError unless the group width divides the inner width, or if the
        bottleneck leaves no inner channel."""
        inner = self.inner_width(width)
        check_inner_width(inner, width=width, bottleneck=self.bottleneck)
        if inner % self.group_width:
            raise ValueError(
                f"the group width must divide the inner width, but got group_width={self.group_width}, "
                f"inner width {inner} (width {width} / bottleneck {self.bottleneck:g})"
            )

    def width_out(self, *, width_in: int, width: int) -> int:
        """The stage's width."""
        return width

    def sites(self, *, width_in: int, width_out: int, stride: int) -> Mapping[str, int]:
        """The number of channels at each site. Every block has all sites."""
        return {
            Site.INNER: self.inner_width(width_out),
            Site.STANDARD: width_out,
            Site.PRE: width_in,
            Site.POST: width_out,
            Site.IDENTITY: width_out,
        }

    def identity(self, *, width_in: int, width_out: int, stride: int) -> tuple[Any, ...]:
        """The widths, the stride, and the groups of the 3×3."""
        return self.name, width_in, width_out, stride, self.inner_width(width_out), self.group_width

    def columns(self, width: int) -> Mapping[str, str]:
        """The group width and the bottleneck ratio."""
        return {"groups of": str(self.group_width), "b": f"{self.bottleneck:g}"}


def check_inner_width(inner: int, *, width: int, bottleneck: float) -> None:
    """Check the width of the 3×3 in a bottleneck. ValueError if the bottleneck ratio leaves no channel."""
    if inner < 1:
        raise ValueError(
            f"a bottleneck ratio of {bottleneck:g} leaves no channel of width {width}; it must be at most {2 * width}"
        )


def fit_group_width(width: int, *, group_width: int, bottleneck: float) -> tuple[int, RegNetBlock]:
    """A width close to `width` whose inner width the group width divides, and its block. A group wider than the inner
    width shrinks to it. `bottleneck` is a whole number or one over a whole number.

    It is rounded as in facebookresearch/pycls, pycls/models/blocks.py (`adjust_block_compatibility`), which made the
    published networks.

    >>> fit_group_width(392, group_width=16, bottleneck=1)[0]
    384
    """
    multiplier = 1 / bottleneck
    inverse = bottleneck < 1
    if not math.isclose(whole := multiplier if inverse else bottleneck, round(whole)):
        raise ValueError(f"a bottleneck must be a whole number or one over a whole number, but got {bottleneck}")
    inner = max(1, int(width * multiplier + 1e-9))
    group = min(group_width, inner)
    quantum = math.lcm(group, round(multiplier)) if inverse else group
    inner = max(quantum, round(inner / quantum) * quantum)
    fitted = inner // round(multiplier) if inverse else inner * round(bottleneck)
    return fitted, RegNetBlock(group_width=group, bottleneck=bottleneck)

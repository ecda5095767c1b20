"""Block families: the parameters a block has beside its width, and the sites where it takes SE.

A family is a frozen record. `models.network.BLOCKS` maps each record's type to the module that builds it.
"""

from collections.abc import Set
from dataclasses import dataclass
from typing import ClassVar

from se_nas.space.squeeze_excite import Site, round_width


@dataclass(frozen=True, slots=True, kw_only=True)
class RegNetBlock:
    """RegNet's X block: 1×1, grouped 3×3, 1×1, each with batch norm, around a shortcut.

    Radosavovic et al., "Designing Network Design Spaces", arXiv 2003.13678, figure 4; with SE at the inner
    site it is the Y block. `bottleneck` is the paper's b: the inner width is the block's width over b.
    """

    name: ClassVar[str] = "regnet"
    sites: ClassVar[Set[Site]] = frozenset(Site)

    group_width: int
    bottleneck: float = 1

    def __post_init__(self) -> None:
        if self.group_width < 1:
            raise ValueError(f"a group width must be at least 1, but got {self.group_width}")
        if self.bottleneck <= 0:
            raise ValueError(f"a bottleneck ratio must be positive, but got {self.bottleneck}")

    def inner_width(self, width: int) -> int:
        """Channels of the grouped 3×3 in a block of `width` output channels."""
        return round_width(width / self.bottleneck)

    def check_width(self, width: int) -> None:
        """ValueError unless the groups divide the inner width."""
        inner = self.inner_width(width)
        if inner % self.group_width:
            raise ValueError(
                f"the group width must divide the inner width, but got group_width={self.group_width}, "
                f"inner width {inner} (width {width} / bottleneck {self.bottleneck:g})"
            )

    def site_width(self, site: Site, *, width_in: int, width_out: int) -> int:
        """Channels that an SE module at `site` sees."""
        match site:
            case Site.INNER:
                return self.inner_width(width_out)
            case Site.PRE:
                return width_in
            case Site.STANDARD | Site.POST | Site.IDENTITY:
                return width_out

    def shape(self, width_out: int) -> tuple[int, ...]:
        """The numbers that, with widths and stride, fix the block: two records of equal shape build equal blocks."""
        return self.inner_width(width_out), self.group_width


BlockFamily = RegNetBlock
"""Any block family; a second one makes this a union."""

FAMILIES: dict[str, type[BlockFamily]] = {RegNetBlock.name: RegNetBlock}

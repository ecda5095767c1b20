"""Block families: the parameters of a block beside its width, and the sites where it can have SE.

A family is a frozen record. `models.network.BLOCKS` maps the type of each record to the module of the block.
"""

from collections.abc import Set
from dataclasses import dataclass
from typing import ClassVar

from se_nas.space.squeeze_excite import Site, round_width


@dataclass(frozen=True, slots=True, kw_only=True)
class RegNetBlock:
    """RegNet's X block: convolutions 1×1, grouped 3×3 and 1×1, each with batch norm, beside a shortcut.

    Radosavovic et al., "Designing Network Design Spaces", arXiv 2003.13678, figure 4. With SE at the inner site it is
    the Y block. `bottleneck` is the paper's b: the inner width is the block's width divided by b.
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
        """The number of channels of the grouped 3×3 in a block of `width` output channels."""
        return round_width(width / self.bottleneck)

    def check_width(self, width: int) -> None:
        """Check a width. ValueError unless the group width divides the inner width."""
        inner = self.inner_width(width)
        if inner % self.group_width:
            raise ValueError(
                f"the group width must divide the inner width, but got group_width={self.group_width}, "
                f"inner width {inner} (width {width} / bottleneck {self.bottleneck:g})"
            )

    def site_width(self, site: Site, *, width_in: int, width_out: int) -> int:
        """The number of channels that an SE module at `site` sees."""
        match site:
            case Site.INNER:
                return self.inner_width(width_out)
            case Site.PRE:
                return width_in
            case Site.STANDARD | Site.POST | Site.IDENTITY:
                return width_out

    def shape(self, width_out: int) -> tuple[int, ...]:
        """The numbers that define the block together with widths and stride. Equal shapes build equal blocks."""
        return self.inner_width(width_out), self.group_width


BlockFamily = RegNetBlock
"""Any block family. With a second family, this becomes a union."""

FAMILIES: dict[str, type[BlockFamily]] = {RegNetBlock.name: RegNetBlock}

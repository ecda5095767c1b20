"""The bottleneck block: convolutions 1×1, 3×3 and 1×1 beside a shortcut."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from se_nas.space.attention.squeeze_excite import SqueezeExciteSpec
from se_nas.space.decisions import Role
from se_nas.space.families.regnet import BOTTLENECK, RegNetBlock, Site, check_inner_width
from se_nas.space.families.shortcuts import SENET, SHORTCUT, Shortcut, changes_shape, check_widths
from se_nas.space.settings import FLAG, WIDTH, Key, choice_of
from se_nas.space.widths import round_width

STRIDE_AT = ("3x3", "1x1")
"""The convolution that has the stride: the 3×3, or the first 1×1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BottleneckBlock:
    """Convolutions 1×1, grouped 3×3 and 1×1 beside a shortcut: He et al., arXiv 1512.03385, figure 5, right.

    The inner width is the block's width divided by `bottleneck`. `groups` is the number of groups of the 3×3: ResNeXt,
    Xie et al., arXiv 1611.05431. `stride_at` names the convolution with the stride: the paper has it in the first 1×1,
    torchvision in the 3×3. With `pre_activation`, batch norm and ReLU come before each convolution (arXiv 1603.05027).
    With `halved_entry`, the first 1×1 has half the inner width (SENet-154: arXiv 1709.01507, appendix). RegNet's block
    is a bottleneck block whose groups have a fixed width.
    """

    name: ClassVar[str] = "bottleneck"
    keys: ClassVar[Mapping[str, Key]] = {
        "groups": Key(WIDTH, default=1, role=Role.WIDTH),
        "bottleneck": Key(BOTTLENECK.parser, default=4, written=BOTTLENECK.written),
        "stride_at": Key(choice_of(STRIDE_AT), default="3x3"),
        "pre_activation": Key(FLAG, default=False),
        "shortcut": SHORTCUT,
        "halved_entry": Key(FLAG, default=False),
    }
    site_names: ClassVar[tuple[str, ...]] = tuple(Site)
    published_attention: ClassVar[SqueezeExciteSpec] = SENET

    groups: int = 1
    bottleneck: float = 4
    stride_at: str = "3x3"
    pre_activation: bool = False
    shortcut: str = Shortcut.PROJECTION
    halved_entry: bool = False

    def __post_init__(self) -> None:
        if self.groups < 1:
            raise ValueError(f"the number of groups must be at least 1, but got {self.groups}")
        if self.bottleneck <= 0:
            raise ValueError(f"a bottleneck ratio must be positive, but got {self.bottleneck}")

    @property
    def published_names(self) -> tuple[str, str]:
        """The names of published networks of such blocks."""
        return ("ResNet", "SE-ResNet") if self.groups == 1 else ("ResNeXt", "SE-ResNeXt")

    @classmethod
    def default_attention(cls) -> SqueezeExciteSpec:
        """SE as in SENet."""
        return SENET

    @classmethod
    def fit(cls, width: int, properties: Mapping[str, Any]) -> "tuple[int, BottleneckBlock]":
        """A width close to `width` whose inner width the groups divide, and its block."""
        block = cls(**properties)
        multiplier = 1 / block.bottleneck
        quantum = block.groups * (2 if block.halved_entry else 1)
        if block.bottleneck < 1:
            quantum = math.lcm(quantum, round(multiplier))
        inner = max(quantum, round(width * multiplier / quantum) * quantum)
        return round_width(inner * block.bottleneck), block

    def inner_width(self, width: int) -> int:
        """The number of channels of the 3×3 in a block of `width` output channels."""
        return round_width(width / self.bottleneck)

    def entry_width(self, width: int) -> int:
        """The number of channels of the first 1×1."""
        inner = self.inner_width(width)
        return inner // 2 if self.halved_entry else inner

    def check(self, *, width: int, stride: int) -> None:
        """Check a width; every stride fits. ValueError unless the bottleneck leaves inner channels, and the groups
        divide them and the entry."""
        inner = self.inner_width(width)
        check_inner_width(inner, width=width, bottleneck=self.bottleneck)
        if inner % (2 if self.halved_entry else 1) or inner % self.groups or self.entry_width(width) % self.groups:
            raise ValueError(
                f"the groups must divide the inner width{' and its half' if self.halved_entry else ''}, but got "
                f"groups={self.groups}, inner width {inner} (width {width} / bottleneck {self.bottleneck:g})"
            )

    def width_out(self, *, width_in: int, width: int) -> int:
        """The stage's width."""
        return width

    def sites(self, *, width_in: int, width_out: int, stride: int) -> Mapping[str, int]:
        """The number of channels at each site. Every block has all sites."""
        check_widths(self.shortcut, width_in=width_in, width_out=width_out)
        return {
            Site.INNER: self.inner_width(width_out),
            Site.STANDARD: width_out,
            Site.PRE: width_in,
            Site.POST: width_out,
            Site.IDENTITY: width_out,
        }

    def identity(self, *, width_in: int, width_out: int, stride: int) -> tuple[Any, ...]:
        """RegNet's identity if the block is one of RegNet's; else also what differs from RegNet's block."""
        inner = self.inner_width(width_out)
        changes = changes_shape(width_in=width_in, width_out=width_out, stride=stride)
        others = (
            self.stride_at if stride > 1 else STRIDE_AT[0],
            self.pre_activation,
            str(self.shortcut) if changes else str(Shortcut.PROJECTION),
            self.halved_entry,
        )
        usual = (STRIDE_AT[0], False, str(Shortcut.PROJECTION), False)
        widths = (width_in, width_out, stride, inner, inner // self.groups)
        return (RegNetBlock.name, *widths) if others == usual else (self.name, *widths, *others)

    def columns(self, width: int) -> Mapping[str, str]:
        """The groups, the bottleneck ratio, the order of the layers, and the shortcut."""
        return {
            "groups": str(self.groups),
            "b": f"{self.bottleneck:g}",
            "stride at": self.stride_at,
            "order": "pre" if self.pre_activation else "post",
            "shortcut": str(self.shortcut),
        }

"""Fused MBConv, whose first convolution replaces the first 1×1 and the depthwise convolution of MBConv."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from se_nas.space.activation import Activation
from se_nas.space.attention.squeeze_excite import SqueezeExciteSpec
from se_nas.space.families.mbconv import (
    ACTIVATION,
    EXPANSION,
    PUBLISHED_SE,
    SE_EFFICIENTNET,
    check_properties,
    columns,
)
from se_nas.space.families.regnet import Site
from se_nas.space.families.separable import KERNEL
from se_nas.space.settings import FLAG, Key
from se_nas.space.widths import round_to_multiple


@dataclass(frozen=True, slots=True, kw_only=True)
class FusedMBConv:
    """Convolutions K×K and 1×1, beside a shortcut that exists only where the block keeps the shape.

    Tan and Le, "EfficientNetV2", arXiv 2104.00298, figure 2. The 1×1 has no activation. A block with an expansion of 1
    is one K×K convolution with norm and activation: the shortcut is added behind the activation.
    """

    name: ClassVar[str] = "fused_mbconv"
    keys: ClassVar[Mapping[str, Key]] = {
        "kernel": KERNEL,
        "expansion": EXPANSION,
        "activation": ACTIVATION,
        "shortcut": Key(FLAG, default=True),
    }
    site_names: ClassVar[tuple[str, ...]] = tuple(Site)
    published_names: ClassVar[tuple[str, str]] = ("EfficientNetV2 without SE", "SE-EfficientNetV2")

    expansion: float
    kernel: int = 3
    activation: str = Activation.SILU
    shortcut: bool = True

    def __post_init__(self) -> None:
        check_properties(kernel=self.kernel, expansion=self.expansion)

    @property
    def published_attention(self) -> SqueezeExciteSpec:
        """The SE of MBConv blocks with this activation. At an expansion of 1 it is at the end of the branch.

        The published EfficientNetV2 have SE only in blocks that are not fused; figure 2 of the paper shows it here.
        """
        spec = PUBLISHED_SE[Activation(self.activation)]
        return spec if self.expands else replace(spec, site=Site.STANDARD)

    @classmethod
    def default_attention(cls) -> SqueezeExciteSpec:
        """SE as in EfficientNet."""
        return SE_EFFICIENTNET

    @classmethod
    def fit(cls, width: int, properties: Mapping[str, Any]) -> "tuple[int, FusedMBConv]":
        """The width itself, which is always possible, and its block."""
        return width, cls(**properties)

    def check(self, *, width: int, stride: int) -> None:
        """Every width and every stride fits."""

    def width_out(self, *, width_in: int, width: int) -> int:
        """The stage's width."""
        return width

    @property
    def expands(self) -> bool:
        """Whether the block has a 1×1 behind the K×K convolution."""
        return self.expansion > 1

    def inner_width(self, width_in: int) -> int:
        """The number of channels of the K×K convolution of a block that expands: a multiple of 8."""
        return round_to_multiple(width_in * self.expansion)

    def has_shortcut(self, *, width_in: int, width_out: int, stride: int) -> bool:
        """Whether the block adds its input to the branch."""
        return self.shortcut and stride == 1 and width_in == width_out

    def sites(self, *, width_in: int, width_out: int, stride: int) -> Mapping[str, int]:
        """The number of channels at each site. Without a shortcut, a block ends at the standard site."""
        own: dict[str, int] = {Site.INNER: self.inner_width(width_in)} if self.expands else {}
        own |= {Site.STANDARD: width_out, Site.PRE: width_in}
        if self.has_shortcut(width_in=width_in, width_out=width_out, stride=stride):
            own |= {Site.POST: width_out, Site.IDENTITY: width_out}
        return own

    def identity(self, *, width_in: int, width_out: int, stride: int) -> tuple[Any, ...]:
        """The widths, the stride, the kernel, the inner width, the activation, and whether there is a shortcut."""
        inner = self.inner_width(width_in) if self.expands else None
        shortcut = self.has_shortcut(width_in=width_in, width_out=width_out, stride=stride)
        return self.name, width_in, width_out, stride, self.kernel, inner, str(self.activation), shortcut

    def columns(self, width: int) -> Mapping[str, str]:
        """The kernel, the expansion and the activation."""
        return columns(self.kernel, self.expansion, self.activation)

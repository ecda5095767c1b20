"""The inverted residual block: the properties, the widths and the sites that MBConv and fused MBConv share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from se_nas.space.activation import Activation
from se_nas.space.families.regnet import Site
from se_nas.space.families.separable import KERNEL
from se_nas.space.settings import FLAG, Key, Parser, choice_of, is_real
from se_nas.space.widths import round_to_multiple

EXPANSION = Key(Parser("a number of 1 to 32", lambda value: is_real(value) and 1 <= value <= 32))
ACTIVATION = Key(choice_of(Activation), default=Activation.SILU)


@dataclass(frozen=True, slots=True, kw_only=True)
class InvertedResidual:
    """A wide middle between two narrow ends, beside a shortcut that exists only where the block keeps the shape.

    Sandler et al., "MobileNetV2", arXiv 1801.04381, section 3.3. The middle is `expansion` times as wide as the input.
    A block with an expansion of 1 has one 1×1 convolution less, unless `keep_expansion` is true (FBNet-C, and timm's
    `efficientnetv2_rw_s`). `shortcut` is false in a block that has none even where it keeps the shape.
    """

    name: ClassVar[str]
    keys: ClassVar[Mapping[str, Key]] = {
        "kernel": KERNEL,
        "expansion": EXPANSION,
        "keep_expansion": Key(FLAG, default=False),
        "activation": ACTIVATION,
        "shortcut": Key(FLAG, default=True),
    }
    site_names: ClassVar[tuple[str, ...]] = tuple(Site)

    expansion: float
    kernel: int = 3
    keep_expansion: bool = False
    activation: str = Activation.SILU
    shortcut: bool = True

    def __post_init__(self) -> None:
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ValueError(f"a kernel must be odd and at least 1, but got {self.kernel}")
        if self.expansion < 1:
            raise ValueError(f"an expansion must be at least 1, but got {self.expansion}")

    @classmethod
    def fit(cls, width: int, properties: Mapping[str, Any]) -> tuple[int, Self]:
        """The width itself, which is always possible, and its block."""
        return width, cls(**properties)

    def check(self, *, width: int, stride: int) -> None:
        """Every width and every stride fits."""

    def width_out(self, *, width_in: int, width: int) -> int:
        """The stage's width."""
        return width

    @property
    def expands(self) -> bool:
        """Whether the block has the convolution that a block with an expansion of 1 usually lacks."""
        return self.expansion > 1 or self.keep_expansion

    def inner_width(self, width_in: int) -> int:
        """The number of channels of the middle: a multiple of 8 if the block expands."""
        return round_to_multiple(width_in * self.expansion) if self.expands else width_in

    def has_shortcut(self, *, width_in: int, width_out: int, stride: int) -> bool:
        """Whether the block adds its input to the branch."""
        return self.shortcut and stride == 1 and width_in == width_out

    def sites(self, *, width_in: int, width_out: int, stride: int) -> Mapping[str, int]:
        """The number of channels at each site. Without a shortcut, a block ends at the standard site."""
        own: dict[str, int] = {Site.INNER: self.inner_width(width_in), Site.STANDARD: width_out, Site.PRE: width_in}
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
        return {"kernel": str(self.kernel), "e": f"{self.expansion:g}", "act": str(self.activation)}

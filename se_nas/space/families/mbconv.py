"""MBConv, the inverted residual block: its properties, its widths, and the sites where it can have channel
attention."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from se_nas.space.activation import Activation
from se_nas.space.attention.squeeze_excite import Gate, Reference, Rounding, SqueezeExciteSpec
from se_nas.space.families.regnet import Site
from se_nas.space.families.separable import KERNEL
from se_nas.space.settings import FLAG, Key, Parser, choice_of, is_real
from se_nas.space.widths import round_to_multiple

SE_EFFICIENTNET = SqueezeExciteSpec(site=Site.INNER, reduction=4, rounding=Rounding.FLOOR, activation=Activation.SILU)
"""SE as in EfficientNet: a quarter of the block's input width (tensorflow/tpu, efficientnet_model.py)."""

SE_MNASNET = SqueezeExciteSpec(site=Site.INNER, reduction=4, rounding=Rounding.FLOOR)
"""SE as in MnasNet-A1: a quarter of the block's input width (tensorflow/tpu, mnasnet_model.py)."""

SE_MOBILENET_V3 = SqueezeExciteSpec(
    site=Site.INNER, reduction=4, of=Reference.SITE, rounding=Rounding.EIGHTS_09, gate=Gate.HARD_SIGMOID
)
"""SE as in MobileNetV3: a quarter of the expanded width (arXiv 1905.02244, section 5.3)."""

SE_FBNET_V3 = replace(
    SE_MNASNET, rounding=Rounding.EIGHTS_095, activation=Activation.HARD_SWISH, gate=Gate.HARD_SIGMOID
)
"""SE as in timm's FBNetV3 (arXiv 2006.02049): a quarter of the block's input width, rounded to eights."""

FBNET_V3_NAMES = ("FBNetV3 without SE", "FBNetV3")

PUBLISHED_SE: Mapping[Activation, SqueezeExciteSpec] = {
    Activation.SILU: SE_EFFICIENTNET,
    Activation.RELU: SE_MNASNET,
    Activation.RELU6: SE_MNASNET,
    Activation.HARD_SWISH: SE_MOBILENET_V3,
}
"""The SE of the published networks that are known by this activation. MobileNetV2 was published without SE."""

PUBLISHED_NAMES: Mapping[Activation, tuple[str, str]] = {
    Activation.SILU: ("EfficientNet without SE", "EfficientNet"),
    Activation.RELU: ("MnasNet-B1", "MnasNet-A1"),
    Activation.RELU6: ("MobileNetV2", "SE-MobileNetV2"),
    Activation.HARD_SWISH: ("MobileNetV3 without SE", "MobileNetV3"),
}

EXPANSION = Key(Parser("a number of 1 to 32", lambda value: is_real(value) and 1 <= value <= 32))
ACTIVATION = Key(choice_of(Activation), default=Activation.SILU)


@dataclass(frozen=True, slots=True, kw_only=True)
class MBConv:
    """Convolutions 1×1, depthwise K×K and 1×1, beside a shortcut that exists only where the block keeps the shape.

    Sandler et al., "MobileNetV2", arXiv 1801.04381, figure 3. The last 1×1 has no activation. The first 1×1 widens the
    input `expansion` times. A block with an expansion of 1 has no first 1×1, unless `keep_expansion` is true (FBNet-C).
    `shortcut` is false in a block that has none even where it keeps the shape.
    """

    name: ClassVar[str] = "mbconv"
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
        check_properties(kernel=self.kernel, expansion=self.expansion)

    @property
    def published_names(self) -> tuple[str, str]:
        """The names of published networks that are known by this activation. `habit` asks the trunk for it."""
        return PUBLISHED_NAMES[Activation(self.activation)]

    @property
    def published_attention(self) -> SqueezeExciteSpec:
        """The SE of published networks that are known by this activation."""
        return PUBLISHED_SE[Activation(self.activation)]

    @classmethod
    def default_attention(cls) -> SqueezeExciteSpec:
        """SE as in EfficientNet, whose activation is the default too."""
        return SE_EFFICIENTNET

    @classmethod
    def fit(cls, width: int, properties: Mapping[str, Any]) -> "tuple[int, MBConv]":
        """The width itself, which is always possible, and its block."""
        return width, cls(**properties)

    def check(self, *, width: int, stride: int) -> None:
        """Every width and every stride fits."""

    def width_out(self, *, width_in: int, width: int) -> int:
        """The stage's width."""
        return width

    @property
    def expands(self) -> bool:
        """Whether the block has the first 1×1."""
        return self.expansion > 1 or self.keep_expansion

    def inner_width(self, width_in: int) -> int:
        """The number of channels of the depthwise convolution: a multiple of 8 if the block expands."""
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
        return columns(self.kernel, self.expansion, self.activation)


def check_properties(*, kernel: int, expansion: float) -> None:
    """ValueError unless the kernel is odd and the expansion is at least 1."""
    if kernel < 1 or kernel % 2 == 0:
        raise ValueError(f"a kernel must be odd and at least 1, but got {kernel}")
    if expansion < 1:
        raise ValueError(f"an expansion must be at least 1, but got {expansion}")


def columns(kernel: int, expansion: float, activation: str) -> Mapping[str, str]:
    """The cells of a stage of MBConv blocks, fused or not."""
    return {"kernel": str(kernel), "e": f"{expansion:g}", "act": str(activation)}

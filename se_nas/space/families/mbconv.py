"""MBConv, the inverted residual block with a depthwise convolution, and its SE in published networks."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from se_nas.space.activation import Activation
from se_nas.space.attention.squeeze_excite import Gate, Reference, Rounding, SqueezeExciteSpec
from se_nas.space.families.inverted_residual import InvertedResidual
from se_nas.space.families.regnet import Site

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


@dataclass(frozen=True, slots=True, kw_only=True)
class MBConv(InvertedResidual):
    """Convolutions 1×1, depthwise K×K and 1×1, beside a shortcut that exists only where the block keeps the shape.

    Sandler et al., "MobileNetV2", arXiv 1801.04381, figure 3. The last 1×1 has no activation. A block that does not
    expand has no first 1×1.
    """

    name: ClassVar[str] = "mbconv"

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

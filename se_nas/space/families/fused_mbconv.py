"""Fused MBConv, whose first convolution replaces the first 1×1 and the depthwise convolution of MBConv."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from se_nas.space.activation import Activation
from se_nas.space.attention.squeeze_excite import SqueezeExciteSpec
from se_nas.space.families.inverted_residual import InvertedResidual
from se_nas.space.families.mbconv import PUBLISHED_SE, SE_EFFICIENTNET
from se_nas.space.families.regnet import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class FusedMBConv(InvertedResidual):
    """Convolutions K×K and 1×1, beside a shortcut that exists only where the block keeps the shape.

    Tan and Le, "EfficientNetV2", arXiv 2104.00298, figure 2. The 1×1 has no activation. A block that does not expand is
    one K×K convolution with norm and activation: the shortcut is added behind the activation.
    """

    name: ClassVar[str] = "fused_mbconv"
    published_names: ClassVar[tuple[str, str]] = ("EfficientNetV2 without SE", "SE-EfficientNetV2")

    @property
    def published_attention(self) -> SqueezeExciteSpec:
        """The SE of MBConv blocks with this activation. In a block that does not expand it is at the end of the branch.

        The published EfficientNetV2 have SE only in blocks that are not fused; figure 2 of the paper shows it here.
        """
        spec = PUBLISHED_SE[Activation(self.activation)]
        return spec if self.expands else replace(spec, site=Site.STANDARD)

    @classmethod
    def default_attention(cls) -> SqueezeExciteSpec:
        """SE as in EfficientNet."""
        return SE_EFFICIENTNET

    def sites(self, *, width_in: int, width_out: int, stride: int) -> Mapping[str, int]:
        """The number of channels at each site. A block that does not expand has no inner site."""
        every = InvertedResidual.sites(self, width_in=width_in, width_out=width_out, stride=stride)
        return every if self.expands else {site: width for site, width in every.items() if site != Site.INNER}

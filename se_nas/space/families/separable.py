"""MobileNetV1's block: its properties, its widths, and the sites where it can have channel attention."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from se_nas.space.activation import Activation
from se_nas.space.attention.squeeze_excite import Gate, Reference, Rounding, SqueezeExciteSpec
from se_nas.space.settings import Key, Parser, choice_of, is_whole


class SeparableSite(StrEnum):
    """The place of an attention module in a depthwise separable convolution."""

    INNER = "inner"
    """After the depthwise convolution, its norm and its activation."""
    END = "end"
    """After the 1×1 convolution, its norm and its activation."""


SE_MOBILENET = SqueezeExciteSpec(site=SeparableSite.END, reduction=16, of=Reference.SITE, rounding=Rounding.FLOOR)
"""SE as in SENet's SE-MobileNet (arXiv 1709.01507, table 3). The paper does not say where SE is. At the end of each
block it has the paper's 4.7 million parameters; after the depthwise convolution it has 4.6 million."""

SE_LC = SqueezeExciteSpec(site=SeparableSite.INNER, reduction=4, of=Reference.SITE, gate=Gate.HARD_SIGMOID)
"""SE as in PP-LCNet: Cui et al., arXiv 2109.15099, section 3.2."""

KERNEL = Key(Parser("an odd number of 3 to 11", lambda value: is_whole(value) and value in range(3, 12, 2)), default=3)
ACTIVATION = Key(choice_of(Activation), default=Activation.RELU)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeparableBlock:
    """A depthwise and a 1×1 convolution, each with batch norm and activation, without a shortcut.

    Howard et al., "MobileNets", arXiv 1704.04861, section 3.1 and figure 3.
    """

    name: ClassVar[str] = "separable"
    keys: ClassVar[Mapping[str, Key]] = {"kernel": KERNEL, "activation": ACTIVATION}
    site_names: ClassVar[tuple[str, ...]] = tuple(SeparableSite)

    kernel: int = 3
    activation: str = Activation.RELU

    def __post_init__(self) -> None:
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ValueError(f"a kernel must be odd and at least 1, but got {self.kernel}")

    @property
    def published_names(self) -> tuple[str, str]:
        """The names of published networks with this activation, without and with SE: PP-LCNet has hard-swish."""
        return ("PP-LCNet without SE", "PP-LCNet") if self._is_lc else ("MobileNetV1", "SE-MobileNetV1")

    @property
    def published_attention(self) -> SqueezeExciteSpec:
        """The SE of published networks with this activation."""
        return SE_LC if self._is_lc else SE_MOBILENET

    @property
    def _is_lc(self) -> bool:
        return self.activation == Activation.HARD_SWISH

    @classmethod
    def default_attention(cls) -> SqueezeExciteSpec:
        """SE as in SE-MobileNet."""
        return SE_MOBILENET

    @classmethod
    def fit(cls, width: int, properties: Mapping[str, Any]) -> "tuple[int, SeparableBlock]":
        """The width itself, which is always possible, and its block."""
        return width, cls(**properties)

    def check(self, *, width: int, stride: int) -> None:
        """Every width and every stride fits."""

    def width_out(self, *, width_in: int, width: int) -> int:
        """The stage's width."""
        return width

    def sites(self, *, width_in: int, width_out: int, stride: int) -> Mapping[str, int]:
        """The number of channels at each site. Every block has all sites."""
        return {SeparableSite.INNER: width_in, SeparableSite.END: width_out}

    def identity(self, *, width_in: int, width_out: int, stride: int) -> tuple[Any, ...]:
        """The widths, the stride, and the properties."""
        return self.name, width_in, width_out, stride, self.kernel, str(self.activation)

    def columns(self, width: int) -> Mapping[str, str]:
        """The kernel and the activation."""
        return {"kernel": str(self.kernel), "act": str(self.activation)}

"""The basic residual block: two 3×3 convolutions beside a shortcut."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from se_nas.space.attention.squeeze_excite import SqueezeExciteSpec
from se_nas.space.families.regnet import Site
from se_nas.space.families.shortcuts import SENET, SHORTCUT, Shortcut, changes_shape, check_widths
from se_nas.space.settings import FLAG, Key

RECTIFIED = "rectified"
"""On the branch, after its last norm and a ReLU (timm's `legacy_seresnet18` and `legacy_seresnet34`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicBlock:
    """Two 3×3 convolutions beside a shortcut: He et al., arXiv 1512.03385, figure 5, left.

    With `pre_activation`, batch norm and ReLU come before each convolution (He et al., arXiv 1603.05027, figure 4e;
    wide ResNets, arXiv 1605.07146). A network of such blocks needs a norm in its tail.
    """

    name: ClassVar[str] = "basic"
    keys: ClassVar[Mapping[str, Key]] = {"pre_activation": Key(FLAG, default=False), "shortcut": SHORTCUT}
    site_names: ClassVar[tuple[str, ...]] = (*Site, RECTIFIED)
    published_names: ClassVar[tuple[str, str]] = ("ResNet", "SE-ResNet")
    published_attention: ClassVar[SqueezeExciteSpec] = SENET

    pre_activation: bool = False
    shortcut: str = Shortcut.PROJECTION

    @classmethod
    def default_attention(cls) -> SqueezeExciteSpec:
        """SE as in SENet."""
        return SENET

    @classmethod
    def fit(cls, width: int, properties: Mapping[str, Any]) -> "tuple[int, BasicBlock]":
        """The width itself, which is always possible, and its block."""
        return width, cls(**properties)

    def check(self, *, width: int, stride: int) -> None:
        """Every width and every stride fits."""

    def width_out(self, *, width_in: int, width: int) -> int:
        """The stage's width."""
        return width

    def sites(self, *, width_in: int, width_out: int, stride: int) -> Mapping[str, int]:
        """The number of channels at each site. Only the branch of a block with post-activation ends with a norm, which
        a ReLU could follow."""
        check_widths(self.shortcut, width_in=width_in, width_out=width_out)
        own: dict[str, int] = {
            Site.INNER: width_out,
            Site.STANDARD: width_out,
            Site.PRE: width_in,
            Site.POST: width_out,
            Site.IDENTITY: width_out,
        }
        return own if self.pre_activation else {**own, RECTIFIED: width_out}

    def identity(self, *, width_in: int, width_out: int, stride: int) -> tuple[Any, ...]:
        """The widths, the stride, the order of the layers, and the shortcut."""
        changes = changes_shape(width_in=width_in, width_out=width_out, stride=stride)
        shortcut = str(self.shortcut) if changes else None
        return self.name, width_in, width_out, stride, self.pre_activation, shortcut

    def columns(self, width: int) -> Mapping[str, str]:
        """The order of the layers, and the shortcut."""
        return {"order": "pre" if self.pre_activation else "post", "shortcut": str(self.shortcut)}

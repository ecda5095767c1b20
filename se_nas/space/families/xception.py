"""Xception's block: its properties, its widths, and the sites where it can have channel attention."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from se_nas.space.attention.squeeze_excite import Reference, Rounding, SqueezeExciteSpec
from se_nas.space.settings import Key, Parser, choice_of, is_whole


class XceptionSite(StrEnum):
    """The place of an attention module in a block of Xception, as in other residual blocks."""

    STANDARD = "standard"
    """At the end of the branch, before the addition."""
    PRE = "pre"
    """On the branch's input."""
    POST = "post"
    """After the addition."""
    IDENTITY = "identity"
    """On the shortcut, parallel to the branch."""


class Form(StrEnum):
    """The place of the ReLUs, and whether there is a shortcut."""

    RESIDUAL = "residual"
    """A ReLU before each convolution, and a shortcut."""
    FIRST = "first"
    """As `residual`, but without a ReLU before the first convolution, because the stem ends in a ReLU."""
    PLAIN = "plain"
    """No shortcut, and a ReLU after each norm: the last layers of Xception."""


class Growth(StrEnum):
    """The separable convolution at which the width grows."""

    FIRST = "first"
    LAST = "last"


SE_XCEPTION = SqueezeExciteSpec(site=XceptionSite.STANDARD, reduction=16, of=Reference.SITE, rounding=Rounding.FLOOR)
"""SE as SENet has it in residual blocks (arXiv 1709.01507, section 3.3)."""

MOST_CONVOLUTIONS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class XceptionBlock:
    """Separable convolutions 3×3, each with batch norm, beside a shortcut. A max-pool 3×3 applies the stride.

    Chollet, "Xception", arXiv 1610.02357, figure 5. `form` sets the ReLUs and the shortcut. In the last strided block
    of Xception the width `grows` at the last convolution.
    """

    name: ClassVar[str] = "xception"
    keys: ClassVar[Mapping[str, Key]] = {
        "convolutions": Key(
            Parser(
                f"a whole number of 1 to {MOST_CONVOLUTIONS}",
                lambda value: is_whole(value) and 1 <= value <= MOST_CONVOLUTIONS,
            ),
            default=3,
        ),
        "form": Key(choice_of(Form), default=Form.RESIDUAL),
        "grows": Key(choice_of(Growth), default=Growth.FIRST),
    }
    site_names: ClassVar[tuple[str, ...]] = tuple(XceptionSite)
    published_names: ClassVar[tuple[str, str]] = ("Xception", "SE-Xception")
    published_attention: ClassVar[SqueezeExciteSpec] = SE_XCEPTION

    convolutions: int = 3
    form: str = Form.RESIDUAL
    grows: str = Growth.FIRST

    def __post_init__(self) -> None:
        if not 1 <= self.convolutions <= MOST_CONVOLUTIONS:
            raise ValueError(
                f"1 <= convolutions <= {MOST_CONVOLUTIONS} must hold, but got convolutions={self.convolutions}"
            )

    @property
    def has_shortcut(self) -> bool:
        """Whether the block adds what enters it."""
        return self.form != Form.PLAIN

    @classmethod
    def default_attention(cls) -> SqueezeExciteSpec:
        """SE as SENet has it in residual blocks."""
        return SE_XCEPTION

    @classmethod
    def fit(cls, width: int, properties: Mapping[str, Any]) -> "tuple[int, XceptionBlock]":
        """The width itself, which is always possible, and its block."""
        return width, cls(**properties)

    def check(self, *, width: int, stride: int) -> None:
        """Every width and every stride fits."""

    def width_out(self, *, width_in: int, width: int) -> int:
        """The stage's width."""
        return width

    def widths(self, *, width_in: int, width_out: int) -> tuple[int, ...]:
        """The number of channels after each separable convolution.

        >>> XceptionBlock(convolutions=2, grows="last").widths(width_in=728, width_out=1024)
        (728, 1024)
        """
        inner = width_out if self.grows == Growth.FIRST else width_in
        return (*[inner] * (self.convolutions - 1), width_out)

    def sites(self, *, width_in: int, width_out: int, stride: int) -> Mapping[str, int]:
        """The number of channels at each site. A block without a shortcut has only the sites of the branch."""
        sites = {
            XceptionSite.STANDARD: width_out,
            XceptionSite.PRE: width_in,
            XceptionSite.POST: width_out,
            XceptionSite.IDENTITY: width_out,
        }
        joins = (XceptionSite.POST, XceptionSite.IDENTITY)
        return {str(site): channels for site, channels in sites.items() if self.has_shortcut or site not in joins}

    def identity(self, *, width_in: int, width_out: int, stride: int) -> tuple[Any, ...]:
        """All widths, the stride, and the form."""
        widths = self.widths(width_in=width_in, width_out=width_out)
        return self.name, width_in, widths, stride, str(self.form)

    def columns(self, width: int) -> Mapping[str, str]:
        """The number of convolutions, the form, and the place where the width grows."""
        return {"convolutions": str(self.convolutions), "form": str(self.form), "grows": str(self.grows)}

"""The site of a Squeeze-and-Excitation (SE) module in a block, and the width of its hidden layer.

SENet: Hu et al., "Squeeze-and-Excitation Networks", arXiv 1709.01507. The sites are those of section 6.5.
"""

import math
from dataclasses import dataclass
from enum import StrEnum


class Site(StrEnum):
    """The place of an SE module in a residual block."""

    INNER = "inner"
    """After the grouped 3×3 (RegNetY; SENet's SE_3x3)."""
    STANDARD = "standard"
    """On the residual branch, before the addition."""
    PRE = "pre"
    """On the residual branch's input."""
    POST = "post"
    """After the addition and its activation."""
    IDENTITY = "identity"
    """On the shortcut, parallel to the residual branch."""


class Reference(StrEnum):
    """The width that a reduction ratio divides."""

    BLOCK_INPUT = "block input"
    """RegNet and EfficientNet: the channels that enter the block."""
    SITE = "site"
    """SENet's r: the channels that the module itself sees."""


def round_width(width: float) -> int:
    """The nearest whole number of channels, at least one. Halves are rounded up."""
    return max(1, math.floor(width + 0.5))


@dataclass(frozen=True, slots=True, kw_only=True)
class SqueezeExciteSpec:
    """An SE module as a design sets it: site, reduction ratio, and the width that the ratio divides.

    >>> SqueezeExciteSpec(reduction=4).hidden_width(block_width_in=48, site_width=104)
    12
    >>> SqueezeExciteSpec(reduction=4, of=Reference.SITE).hidden_width(block_width_in=48, site_width=104)
    26
    """

    site: Site = Site.INNER
    reduction: float
    of: Reference = Reference.BLOCK_INPUT

    def __post_init__(self) -> None:
        if not 1 <= self.reduction < math.inf:
            raise ValueError(f"an SE reduction ratio must be at least 1 and finite, but got {self.reduction}")

    def hidden_width(self, *, block_width_in: int, site_width: int) -> int:
        """The number of channels of the hidden layer, at least one."""
        reference = block_width_in if self.of is Reference.BLOCK_INPUT else site_width
        return round_width(reference / self.reduction)


def format_token(spec: SqueezeExciteSpec | None) -> str:
    """The short written form, e.g. `none`, `inner/4` or `standard/16 of site`."""
    if spec is None:
        return "none"
    suffix = f" of {spec.of}" if spec.of is not Reference.BLOCK_INPUT else ""
    short = f"{spec.reduction:g}"
    ratio = short if float(short) == spec.reduction else repr(spec.reduction)
    return f"{spec.site}/{ratio}{suffix}"


def parse_token(token: str) -> SqueezeExciteSpec | None:
    """Read a token that `format_token` wrote. The ValueError describes the form of a token.

    >>> parse_token("inner/4").hidden_width(block_width_in=32, site_width=64)
    8
    >>> parse_token("none") is None
    True
    """
    if token == "none":
        return None
    place, slash, rest = token.partition("/")
    ratio, _, of = rest.partition(" of ")
    try:
        if not slash:
            raise ValueError(token)
        return SqueezeExciteSpec(site=Site(place), reduction=float(ratio), of=Reference(of or Reference.BLOCK_INPUT))
    except ValueError:
        sites = ", ".join(Site)
        raise ValueError(
            f"an SE token is `none`, `SITE/RATIO` or `SITE/RATIO of site` (sites: {sites}), but got {token!r}"
        ) from None

"""Squeeze-and-Excitation (SE): its site in a block, its reduction ratio, and the width of its hidden layer.

SENet: Hu et al., "Squeeze-and-Excitation Networks", arXiv 1709.01507.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from se_nas.space.decisions import Role
from se_nas.space.settings import Key, Parser, choice_of, is_real
from se_nas.space.widths import round_width


class Reference(StrEnum):
    """The width that a reduction ratio divides."""

    BLOCK_INPUT = "block input"
    """The channels that enter the block, as in EfficientNet."""
    SITE = "site"
    """SENet's r: the channels that the module itself sees."""


REDUCTION = Parser("a number of at least 1", lambda value: is_real(value) and value >= 1)
REFERENCE = choice_of(Reference, is_fixed=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SqueezeExciteSpec:
    """An SE module as a design sets it: site, reduction ratio, and the width that the ratio divides.

    >>> SqueezeExciteSpec(site="inner", reduction=4).hidden_width(block_width_in=48, site_width=104)
    12
    >>> SqueezeExciteSpec(site="inner", reduction=4, of=Reference.SITE).hidden_width(block_width_in=48, site_width=104)
    26
    """

    name: ClassVar[str] = "se"
    keys: ClassVar[Mapping[str, Key]] = {
        "reduction": Key(REDUCTION, default=4, role=Role.ATTENTION),
        "of": Key(REFERENCE, default=Reference.BLOCK_INPUT, role=Role.ATTENTION),
    }
    token_forms: ClassVar[tuple[str, ...]] = ("SITE/RATIO", "SITE/RATIO of site")
    size_name: ClassVar[str] = "reduction"

    site: str
    reduction: float
    of: str = Reference.BLOCK_INPUT

    def __post_init__(self) -> None:
        if not 1 <= self.reduction < math.inf:
            raise ValueError(f"an SE reduction ratio must be at least 1 and finite, but got {self.reduction}")

    @property
    def size(self) -> float:
        """The reduction ratio."""
        return float(self.reduction)

    @property
    def share(self) -> float:
        """The width of the hidden layer as a fraction of the width that the ratio divides."""
        return 1 / float(self.reduction)

    @property
    def token(self) -> str:
        """The short written form, e.g. `inner/4` or `standard/16 of site`."""
        suffix = f" of {self.of}" if self.of != Reference.BLOCK_INPUT else ""
        short = f"{self.reduction:g}"
        ratio = short if float(short) == self.reduction else repr(self.reduction)
        return f"{self.site}/{ratio}{suffix}"

    @classmethod
    def parse(cls, token: str) -> "SqueezeExciteSpec":
        """Read a `token`. ValueError if it is no site with a ratio."""
        site, slash, rest = token.partition("/")
        ratio, _, of = rest.partition(" of ")
        if not (site and slash):
            raise ValueError(token)
        return cls(site=site, reduction=float(ratio), of=Reference(of or Reference.BLOCK_INPUT))

    def hidden_width(self, *, block_width_in: int, site_width: int) -> int:
        """The number of channels of the hidden layer, at least one."""
        reference = block_width_in if self.of == Reference.BLOCK_INPUT else site_width
        return round_width(reference / self.reduction)

    def identity(self, hidden: int) -> tuple[Any, ...]:
        """The site and the width of the hidden layer."""
        return self.site, hidden

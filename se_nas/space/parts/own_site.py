"""OwnSite: a place of a user's own network where SE may go, as a family of blocks that consist of their SE alone."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from se_nas.space.attention.squeeze_excite import Reference, Rounding, SqueezeExciteSpec
from se_nas.space.settings import Key

PLACE = "place"
"""The only site that a place of a user's network has."""
SENET = SqueezeExciteSpec(site=PLACE, reduction=16, of=Reference.SITE, rounding=Rounding.FLOOR)
"""SE as in SENet: a sixteenth of the site's channels (arXiv 1709.01507, section 6.2)."""
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSite:
    """A place of a user's network where SE may go: a family of blocks that consist of their attention alone."""

    name: ClassVar[str] = "site"
    keys: ClassVar[Mapping[str, Key]] = {}
    site_names: ClassVar[tuple[str, ...]] = (PLACE,)
    published_names: ClassVar[tuple[str, str]] = ("no SE", "SENet's SE")
    published_attention: ClassVar[SqueezeExciteSpec] = SENET

    place: str
    channels: int

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.place):
            raise ValueError(
                f"the name of a place has up to 64 letters, digits, `_`, `.` or `-`, but got {self.place!r}"
            )
        if self.channels < 1:
            raise ValueError(f"place {self.place!r}: channels must be at least 1, but got {self.channels}")

    def to_dict(self) -> dict[str, Any]:
        """The keys of a file."""
        return {"place": self.place, "channels": self.channels}

    @classmethod
    def default_attention(cls) -> SqueezeExciteSpec:
        """SE as in SENet."""
        return SENET

    @classmethod
    def fit(cls, width: int, properties: Mapping[str, Any]) -> "tuple[int, OwnSite]":
        """The width and its site."""
        return width, cls(channels=width, **properties)

    def check(self, *, width: int, stride: int) -> None:
        """Every site fits."""

    def width_out(self, *, width_in: int, width: int) -> int:
        """The channels of the site."""
        return self.channels

    def sites(self, *, width_in: int, width_out: int, stride: int) -> Mapping[str, int]:
        """The channels at the site."""
        return {PLACE: self.channels}

    def identity(self, *, width_in: int, width_out: int, stride: int) -> tuple[Any, ...]:
        """The name of the place and its channels."""
        return self.name, self.place, self.channels

    def columns(self, width: int) -> Mapping[str, str]:
        """The name of the place."""
        return {"place": self.place}

"""The content of a data set as it was read: its classes and images, the files left out, and warnings."""

from collections.abc import Iterable
from dataclasses import dataclass

from se_nas.wording import printable

UNREADABLE = "files that cannot be read as images"
EXAMPLES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Files or folders that are not used, the reason, and some of their paths relative to the data set."""

    reason: str
    count: int
    examples: tuple[str, ...]

    @classmethod
    def of(cls, reason: str, names: Iterable[str]) -> "LeftOut":
        """Make the record of these paths."""
        names = sorted(names)
        return cls(reason=reason, count=len(names), examples=tuple(map(printable, names[:EXAMPLES])))

    def __str__(self) -> str:
        more = ", ..." if self.count > len(self.examples) else ""
        return f"{self.reason}: {self.count:,} ({', '.join(self.examples)}{more})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """The classes and images of a data set. `counts` has the numbers of training, validation and test images of each
    class; `notes` say how the data set was read."""

    name: str
    image_size: int
    class_names: tuple[str, ...]
    counts: tuple[tuple[int, int, int], ...]
    notes: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def totals(self) -> tuple[int, int, int]:
        """The numbers of training, validation and test images."""
        train, validation, test = (sum(part) for part in zip(*self.counts, strict=True))
        return train, validation, test

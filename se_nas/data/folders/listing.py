"""The image files of a data set before they are opened: their classes, their splits, and what is left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from se_nas.data.inventory import LeftOut


@dataclass(frozen=True, slots=True)
class LabelledFile:
    """An image file and the number of its class."""

    path: str
    label: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The files of each split that exists (`train`, `validation`, `test`), or of `whole` if there are no splits.

    `source` is what the user wrote after `--data`. Paths in messages are relative to `root`.
    """

    source: str
    root: Path
    class_names: tuple[str, ...]
    parts: Mapping[str, Sequence[LabelledFile]]
    notes: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

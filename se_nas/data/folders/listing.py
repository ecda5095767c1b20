"""The image files of a data set before they are opened: their classes, their splits, and what is left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from se_nas.data.inventory import LeftOut
from se_nas.errors import InputError


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


def require_folder(path: Path, source: str) -> None:
    """InputError if there is no folder at `path`, or if this user may not look there."""
    try:
        is_folder = path.is_dir()
    except OSError as error:
        raise InputError(f"--data {source}: cannot be read ({error.strerror})") from None
    if not is_folder:
        raise InputError(f"--data {source}: no such folder")


def text_of(file: Path, source: str) -> str:
    """The text of a file with labels or names, without the mark that Windows writes before a text in UTF-8.

    InputError if it cannot be read as text in UTF-8.
    """
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"--data {source}: {file.name} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise InputError(f"--data {source}: {file.name} cannot be read (it is not a text in UTF-8)") from None


def whole_number(text: str) -> int | None:
    """The number of a class that `text` is; None for every other text, and for a number of more than 600 digits, which
    Python may refuse to read.

    >>> whole_number("07"), whole_number("-1"), whole_number("9" * 5_000)
    (7, None, None)
    """
    return int(text) if text.isdecimal() and len(text) <= 600 else None

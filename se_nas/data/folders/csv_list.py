"""A CSV file that lists images: the path of each image, its label, and on request its split.

The first line names the columns. Paths are relative to the folder of the CSV file. Columns are separated by commas,
semicolons or tabs.
"""

import csv
import io
import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from se_nas.data.folders.listing import LabelledFile, Listing, whole_number
from se_nas.data.folders.split_names import split_named
from se_nas.data.inventory import LeftOut
from se_nas.errors import InputError
from se_nas.wording import printable

COLUMNS = {
    "path": (
        "path",
        "file",
        "filename",
        "file_name",
        "filepath",
        "file_path",
        "image",
        "image_path",
        "img",
        "img_path",
    ),
    "label": ("label", "class", "class_name", "category", "target"),
    "split": ("split", "subset", "partition", "set"),
}
"""The names of the columns, in lower case. The first is the one that messages ask for."""
SEPARATORS = ",;\t"


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    path: str
    label: str
    split: str


def list_csv(path: Path) -> Listing:
    """List the images in a CSV file. InputError names the line of a fault and says what is expected."""
    source = f"csv:{path}"
    rows, others = _rows(path, source)
    rows, repeated = _without_repetitions(rows, path.parent.absolute(), source)
    names = _class_names(rows, source)
    numbers = {name: number for number, name in enumerate(names)}
    parts: dict[str, list[LabelledFile]] = {}
    for row in rows:
        parts.setdefault(row.split, []).append(LabelledFile(str(path.parent / row.path), numbers[row.label]))
    if "whole" not in parts and "train" not in parts:
        raise InputError(f"--data {source}: no training images; expected rows whose split is train")
    untrained = {row.label for row in rows} - {row.label for row in rows if row.split in ("train", "whole")}
    if untrained:
        raise InputError(f"--data {source}: class {printable(min(untrained))!r} has no training images")
    columns = f"columns that are not read: {', '.join(map(printable, others))}"
    return Listing(
        source=source,
        root=path.parent,
        class_names=names,
        parts=parts,
        notes=(f"images listed in {printable(path.name)}", *([columns] if others else [])),
        left_out=(LeftOut.of("rows that repeat an earlier row", repeated),) if repeated else (),
    )


def _rows(path: Path, source: str) -> tuple[list[_Row], list[str]]:
    """The rows, and the names of all columns that are not read."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"--data {source}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise InputError(f"--data {source}: not a text in UTF-8; save it as CSV in UTF-8") from None
    if "\0" in text:
        raise InputError(f"--data {source}: not a CSV file: it contains zero bytes")
    separator = max(SEPARATORS, key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        header = [cell.strip() for cell in next(reader, [])]
        places = _places(header, source)
        rows = []
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                counts = f"{len(cells)} columns, but the first line names {len(header)}"
                raise InputError(f"--data {source}, line {reader.line_num}: {counts}")
            rows.append(_row(reader.line_num, [cell.strip() for cell in cells], places, source))
    except csv.Error as error:
        raise InputError(f"--data {source}, line {reader.line_num}: {error}; is a quote not closed?") from None
    if not rows:
        raise InputError(f"--data {source}: no images below the first line")
    return rows, [name for place, name in enumerate(header) if place not in places.values()]


def _places(header: Sequence[str], source: str) -> dict[str, int]:
    """The index of each column. InputError if path or label is missing, or if two columns have the same meaning."""
    places: dict[str, int] = {}
    for place, name in enumerate(header):
        meaning = next((meaning for meaning, names in COLUMNS.items() if name.lower() in names), None)
        if meaning in places:
            raise InputError(
                f"--data {source}: the columns {header[places[meaning]]!r} and {name!r} both mean the {meaning}; "
                "rename one of them"
            )
        if meaning:
            places[meaning] = place
    if missing := [name for name in ("path", "label") if name not in places]:
        found = printable(", ".join(header))[:80]
        raise InputError(
            f"--data {source}: the first line has no column {' and no column '.join(missing)}; expected "
            f"path,label or path,label,split, but got {found!r}"
        )
    return places


def _row(line: int, cells: Sequence[str], places: dict[str, int], source: str) -> _Row:
    values = {name: cells[place] for name, place in places.items()}
    if empty := [name for name, value in values.items() if not value]:
        raise InputError(f"--data {source}, line {line}: the {empty[0]} is empty")
    split = split_named(values["split"]) if "split" in values else "whole"
    if split is None:
        raise InputError(
            f"--data {source}, line {line}: expected the split train, val or test, but got "
            f"{printable(values['split'])!r}"
        )
    return _Row(line, values["path"], values["label"], split)


def _without_repetitions(rows: Sequence[_Row], folder: Path, source: str) -> tuple[list[_Row], list[str]]:
    """The rows without equal ones, and the paths of those. `a.png` and `./a.png` in `folder` are one image. InputError
    if an image has two labels or two splits."""
    first: dict[str, _Row] = {}
    repeated = []
    for row in rows:
        known = first.setdefault(os.path.normpath(folder / row.path), row)
        if known is row:
            continue
        if (known.label, known.split) != (row.label, row.split):
            what = "labels" if known.label != row.label else "splits"
            raise InputError(
                f"--data {source}, line {row.line}: {printable(row.path)} has two {what}; the other is in line "
                f"{known.line}"
            )
        repeated.append(row.path)
    return list(first.values()), repeated


def _class_names(rows: Sequence[_Row], source: str) -> tuple[str, ...]:
    """The classes, by number if all labels are whole numbers, else by name. InputError if the labels are not classes,
    or if two labels are one number or one name."""
    names = {row.label for row in rows}
    if len(names) < 2:
        raise InputError(
            f"--data {source}: at least two classes are needed, but all labels are {printable(min(names))!r}"
        )
    if len(names) == len(rows) > 2:
        raise InputError(
            f"--data {source}: labels must be classes, but no two of {len(rows)} images have the same label"
        )
    numbers = {name: number for name in names if (number := whole_number(name)) is not None}
    are_numbers = len(numbers) == len(names)
    meant: dict[int | str, str] = {}
    for name in sorted(names):
        other = meant.setdefault(numbers[name] if are_numbers else unicodedata.normalize("NFC", name), name)
        if other != name:
            raise InputError(
                f"--data {source}: the labels {other!a} and {name!a} are one {'number' if are_numbers else 'name'}; "
                "write them in the same way"
            )
    return tuple(sorted(names, key=numbers.__getitem__) if are_numbers else sorted(names))

"""Places365 as torchvision lays it out: text files that list images and labels, beside the folders of the images.

http://places2.csail.mit.edu; the names of files and folders are those of torchvision.datasets.Places365.
"""

from collections.abc import Sequence
from pathlib import Path

from se_nas.data.class_names import name_of_two
from se_nas.data.folders.listing import LabelledFile, Listing, require_folder, text_of, whole_number
from se_nas.errors import InputError
from se_nas.wording import printable

CATEGORIES = "categories_places365.txt"
VARIANTS = ("standard", "challenge")
SIZES = (("256", "val_256"), ("large", "val_large"))
"""The size in the name of the training folder, and the folder of the validation images. The small ones come first."""


def list_places365(path: Path) -> Listing:
    """List the training and the validation images. InputError says which file or folder is missing."""
    source = f"places365:{path}"
    require_folder(path, source)
    for variant in VARIANTS:
        for size, held in SIZES:
            listed, images = path / f"places365_train_{variant}.txt", path / f"data_{size}_{variant}"
            if listed.is_file() and images.is_dir() and (path / held).is_dir():
                names = _names(path / CATEGORIES, source)
                parts = {
                    "train": _files(listed, images, len(names), source),
                    "validation": _files(path / "places365_val.txt", path / held, len(names), source),
                }
                note = f"training images from {images.name}, validation images from {held}"
                return Listing(source=source, root=path, class_names=names, parts=parts, notes=(note,))
    raise InputError(
        f"--data {source}: expected places365_train_standard.txt, places365_val.txt and {CATEGORIES} beside "
        "data_256_standard and val_256 (or data_large_standard and val_large), as torchvision unpacks them"
    )


def _names(file: Path, source: str) -> tuple[str, ...]:
    """The classes by number. A line is `/a/airfield 0`; the class is `airfield`, or `apartment_building/outdoor`.

    InputError if the numbers are not 0 to K - 1, each once, because later names would then belong to other classes, or
    if two classes have the same name, because nobody could tell them apart.
    """
    rows = sorted(_lines(file, source), key=lambda row: row[1])
    if wrong := next((row for expected, row in enumerate(rows) if row[1] != expected), None):
        raise InputError(
            f"--data {source}: {file.name}: expected the numbers 0 to {len(rows) - 1}, each once, but "
            f"{printable(wrong[0])} has the number {wrong[1]}"
        )
    names = tuple(name[3:] if name[:1] == "/" else name for name, _ in rows)
    if (name := name_of_two(names)) is not None:
        raise InputError(f"--data {source}: {file.name} has {printable(name)} for two classes; rename one of them")
    return names


def _files(file: Path, images: Path, classes: int, source: str) -> list[LabelledFile]:
    rows = _lines(file, source)
    if outside := next(((name, label) for name, label in rows if not 0 <= label < classes), None):
        raise InputError(
            f"--data {source}: {file.name}: {printable(outside[0])} has the label {outside[1]} of {classes} classes"
        )
    return [LabelledFile(str(images / name.lstrip("/")), label) for name, label in rows]


def _lines(file: Path, source: str) -> Sequence[tuple[str, int]]:
    """The name and the number in each line. InputError names the line that has another form."""
    rows = []
    for number, line in enumerate(text_of(file, source).splitlines(), start=1):
        name, _, label = line.rpartition(" ")
        found = whole_number(label)
        if not name or found is None:
            raise InputError(
                f"--data {source}: {file.name}, line {number}: expected a name and a number, but got {line[:80]!r}"
            )
        rows.append((name, found))
    return rows

"""Finds the annotation files and the image folders of a data set in COCO's format.

Known layouts: COCO's own (`annotations/instances_train2017.json`, `train2017/`), Roboflow's
(`train/_annotations.coco.json` beside the images), and one JSON file beside the images or beside a folder `images/`.
"""

import os
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from se_nas.data.folders.split_names import split_in, split_named
from se_nas.errors import InputError

WHOLE = "whole"
"""The name of an annotation file's part if it names no split."""
NOT_BOXES = re.compile(
    r"^(captions|person_keypoints|image_info|panoptic|stuff|lvis|results|detections)_", re.IGNORECASE
)
"""The beginnings of JSON files that COCO distributes beside `instances_*.json`, and of results."""
PREFIX = re.compile(r"^instances_", re.IGNORECASE)
EXPECTED = (
    "expected annotations/instances_train2017.json and train2017/ (COCO), train/_annotations.coco.json (Roboflow), "
    "or one JSON file beside the images"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFiles:
    """The annotation file of one part, and the folders in which its images may lie, the likeliest first."""

    annotations: Path
    folders: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The files of each part (`train`, `validation`, `test`) of a data set, or of `whole` if it has no parts. The names
    of annotation files that are not read are `unnamed`, because they name no split."""

    files: Mapping[str, PartFiles]
    unnamed: tuple[str, ...] = ()


def find_parts(path: Path, source: str) -> Parts:
    """The parts of the data set at `path`. Beside a file for validation or test images, a file that names no split has
    the training images. Hidden files and folders are not looked at.

    InputError if there is no annotation file, if a part has two, or if a folder is closed to this user.
    """
    try:
        return _found_parts(path, source)
    except OSError as error:
        raise InputError(f"--data {source}: cannot be read ({error.strerror or error})") from None


def _found_parts(path: Path, source: str) -> Parts:
    if path.is_file():
        if path.suffix.lower() != ".json":
            raise InputError(f"--data {source}: a file that is no JSON; unpack it and give the folder; {EXPECTED}")
        return Parts(files={WHOLE: PartFiles(annotations=path, folders=_folders(path, path.parent, WHOLE, ""))})
    if not path.is_dir():
        raise InputError(f"--data {source}: no such folder; {EXPECTED}")
    next(path.iterdir(), None)  # an OSError if the folder is closed, where `glob` finds nothing
    found: dict[str, list[tuple[Path, str]]] = defaultdict(list)
    for file in sorted((*path.glob("*.json"), *path.glob("*/*.json"))):
        is_hidden = any(name.startswith(".") for name in file.relative_to(path).parts)
        if not is_hidden and not NOT_BOXES.match(file.name):
            part, name = _part_of(file, path)
            found[part].append((file, name))
    if not found:
        raise InputError(f"--data {source}: no annotation file (JSON) in it; {EXPECTED}")
    unnamed: list[tuple[Path, str]] = []
    if "train" in found:
        unnamed = found.pop(WHOLE, [])
    elif WHOLE in found and len(found) > 1:
        found["train"] = found.pop(WHOLE)
    for part, files in found.items():
        if len(files) > 1:
            names = " and ".join(str(file.relative_to(path)) for file, _ in files[:2])
            what = "of no known split" if not files[0][1] else f"for the {part} images"
            raise InputError(f"--data {source}: two annotation files {what}, {names}; give the path of one, or move it")
    if "train" not in found and WHOLE not in found:
        only = ", ".join(str(files[0][0].relative_to(path)) for files in found.values())
        raise InputError(f"--data {source}: no annotation file for training images, only {only}; {EXPECTED}")
    return Parts(
        files={
            part: PartFiles(annotations=file, folders=_folders(file, path, part, name))
            for part, ((file, name),) in found.items()
        },
        unnamed=tuple(str(file.relative_to(path)) for file, _ in unnamed),
    )


def _part_of(file: Path, root: Path) -> tuple[str, str]:
    """The part of an annotation file, and the name that says so: its own, or the name of its folder.

    >>> root = Path("coco")
    >>> _part_of(root / "annotations" / "instances_val2017.json", root)
    ('validation', 'val2017')
    >>> _part_of(root / "train" / "_annotations.coco.json", root), _part_of(root / "boxes.json", root)
    (('train', 'train'), ('whole', ''))
    """
    names = [PREFIX.sub("", file.stem)]
    if file.parent != root:
        names.append(file.parent.name)
    for name in names:
        if part := split_named(name) or split_in(name):
            return part, name
    return WHOLE, ""


def _folders(file: Path, root: Path, part: str, name: str) -> tuple[Path, ...]:
    """The folders in which the images of an annotation file may lie. Each is listed once. The folders of the same name
    come first, and those whose names mean the same part come last."""
    tops = (root, root / "images")
    named = [top / name for top in tops] if name else []
    either = (file.parent, file.parent / "images", root / "images", root)
    meant = [
        top / name
        for top in tops
        if part != WHOLE and top.is_dir()
        for name in _folders_in(top)
        if (split_named(name) or split_in(name)) == part
    ]
    return tuple(dict.fromkeys((*named, *either, *meant)))


def _folders_in(folder: Path) -> list[str]:
    """The names of the folders in `folder` that are not hidden. It may have a million images beside them."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir())

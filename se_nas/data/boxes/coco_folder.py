"""Finds the annotation files and the image folders of a data set in COCO's format.

Known layouts: COCO's own (`annotations/instances_train2017.json`, `train2017/`), Roboflow's
(`train/_annotations.coco.json` beside the images), and one JSON file beside the images or beside a folder `images/`.
"""

import re
from collections import defaultdict
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


def find_parts(path: Path, source: str) -> dict[str, PartFiles]:
    """The parts (`train`, `validation`, `test`) of the data set at `path`, or `whole` if there are no parts.

    InputError if there is no annotation file, or if a part has two.
    """
    if path.is_file():
        if path.suffix.lower() != ".json":
            raise InputError(f"--data {source}: a file that is no JSON; unpack it and give the folder; {EXPECTED}")
        return {WHOLE: PartFiles(annotations=path, folders=_folders(path, path.parent, ""))}
    if not path.is_dir():
        raise InputError(f"--data {source}: no such folder; {EXPECTED}")
    found: dict[str, list[tuple[Path, str]]] = defaultdict(list)
    for file in sorted((*path.glob("*.json"), *path.glob("*/*.json"))):
        if not NOT_BOXES.match(file.name):
            part, name = _part_of(file, path)
            found[part].append((file, name))
    if not found:
        raise InputError(f"--data {source}: no annotation file (JSON) in it; {EXPECTED}")
    if "train" in found:
        found.pop(WHOLE, None)
    for part, files in found.items():
        if len(files) > 1:
            names = " and ".join(str(file.relative_to(path)) for file, _ in files[:2])
            what = "of no known split" if part == WHOLE else f"for the {part} images"
            raise InputError(f"--data {source}: two annotation files {what}, {names}; give the path of one, or move it")
    if "train" not in found and WHOLE not in found:
        only = ", ".join(str(files[0][0].relative_to(path)) for files in found.values())
        raise InputError(f"--data {source}: no annotation file for training images, only {only}; {EXPECTED}")
    return {
        part: PartFiles(annotations=files[0][0], folders=_folders(files[0][0], path, files[0][1]))
        for part, files in found.items()
    }


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


def _folders(file: Path, root: Path, name: str) -> tuple[Path, ...]:
    """The folders in which the images of an annotation file may lie. Each is listed once."""
    named = (root / name, root / "images" / name) if name else ()
    either = (file.parent, file.parent / "images", root / "images", root)
    return tuple(dict.fromkeys((*named, *either)))

"""Reads an annotation file in COCO's format (https://cocodataset.org/#format-data) and checks each box.

A box that cannot be used is left out and counted by its reason. Only a file in another format is an error.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from se_nas.data.boxes.boxed_images import BoxedImage
from se_nas.data.boxes.coco_folder import PartFiles
from se_nas.errors import InputError
from se_nas.wording import printable

MISSING = "listed images that are missing"
NO_IMAGE = "boxes of an image that is not listed"
NO_CATEGORY = "boxes of a category that is not listed"
NO_BOX = "annotations without a box of four numbers"
NO_AREA = "boxes without an area"
OUTSIDE = "boxes outside their image"
CUT = "boxes that reach beyond their image, and are cut at its edge"
NO_MARK = "boxes whose iscrowd is neither 0 nor 1"
CROWD = "boxes around a crowd, which are not trained on and count neither as right nor as wrong"

CROWD_MARKS = {"0": False, "1": True, "False": False, "True": True, "None": False}
"""The meanings of `iscrowd`, also as text, or as true and false. Without it, a box is around one object."""
LARGEST_SIDE = 2**31 - 1
"""The longest side of an image in pixels that any format of images has."""
LEAST_SIDE = 0.01
"""The shortest side, in pixels, of a box that has an area."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotations:
    """The content of an annotation file: its images with their boxes, the names of its categories by their ids, and by
    reason the names of what is left out or changed."""

    file: Path
    images: tuple[BoxedImage, ...]
    categories: Mapping[int, str]
    faults: Mapping[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Box:
    """A box that can be used: its corners, label, area, and whether it is around a crowd."""

    corners: tuple[float, float, float, float]
    label: int
    area: float
    is_crowd: bool


def read_annotations(part: PartFiles, source: str) -> Annotations:
    """Read the annotation file of a part. InputError if it is not in COCO's format."""
    content = _content(part.annotations, source)
    where = f"--data {source}: {part.annotations.name}"
    faults: dict[str, list[str]] = defaultdict(list)
    categories = _categories(content["categories"], where)
    labels = {number: label for label, number in enumerate(categories)}
    listed = _by_id(content["images"], "image", where)
    boxes: dict[int, list[_Box]] = defaultdict(list)
    for place, annotation in enumerate(_objects(content["annotations"], "annotation", where)):
        _add_box(annotation, place, listed, labels, boxes, faults)
    images = []
    for number, about in listed.items():
        name, width, height = _image_facts(about, where)
        file = next((folder / name for folder in part.folders if _is_file(folder / name)), None)
        if file is None:
            faults[MISSING].append(name)
        else:
            images.append(_image(number, str(file), width, height, boxes[number]))
    return Annotations(file=part.annotations, images=tuple(images), categories=categories, faults=faults)


def _content(file: Path, source: str) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"--data {source}: {file.name}: cannot be read ({error.strerror or error})") from None
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"--data {source}: {file.name}: not a JSON file ({reason})") from None
    missing = [
        key
        for key in ("images", "annotations", "categories")
        if not isinstance(content, dict) or not isinstance(content.get(key), list)
    ]
    if missing:
        raise InputError(
            f"--data {source}: {file.name}: not in COCO's format; expected the lists images, annotations and "
            f"categories, but {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
        )
    return dict(content)


def _categories(rows: list[Any], where: str) -> dict[int, str]:
    """The name of each category by its id, in the order of the ids."""
    found = {number: about.get("name") for number, about in _by_id(rows, "category", where).items()}
    if not found:
        raise InputError(f"{where}: no categories; expected at least one")
    for number, name in found.items():
        if not isinstance(name, str) or not name:
            raise InputError(f"{where}: category {number}: expected a name")
    return {number: str(found[number]) for number in sorted(found)}


def _by_id(rows: list[Any], what: str, where: str) -> dict[int, dict[str, Any]]:
    """Images or categories by their ids. InputError for an id that is no whole number, or that two of them have."""
    found: dict[int, dict[str, Any]] = {}
    for place, row in enumerate(_objects(rows, what, where)):
        number = row.get("id")
        if type(number) is not int:
            raise InputError(f"{where}: {what} {place} of the list: expected a whole number as id, but got {number!r}")
        if number in found:
            raise InputError(f"{where}: two {'categories' if what == 'category' else what + 's'} have the id {number}")
        found[number] = row
    return found


def _objects(rows: list[Any], what: str, where: str) -> Iterable[dict[str, Any]]:
    for place, row in enumerate(rows):
        if not isinstance(row, dict):
            raise InputError(f"{where}: {what} {place} of the list: expected an object, but got {str(row)[:40]!r}")
        yield row


def _image_facts(about: Mapping[str, Any], where: str) -> tuple[str, int, int]:
    """The file name, the width and the height of a listed image. InputError if one of them is missing."""
    name, width, height = (about.get(key) for key in ("file_name", "width", "height"))
    if not isinstance(name, str) or not name:
        raise InputError(f"{where}: image {about['id']}: expected a file_name, but got {name!r}")
    if not (_is_whole(width) and _is_whole(height)):
        raise InputError(
            f"{where}: image {about['id']} ({printable(name)}): expected its width and height in pixels, but got "
            f"{_shortened(width)} and {_shortened(height)}"
        )
    return name, int(width or 0), int(height or 0)


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _is_file(path: Path) -> bool:
    """Whether there is a file that may be looked at; not if its folder is closed to this user, or its name too long."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _is_number(value: Any) -> bool:
    """Whether a value is a finite number. JSON has whole numbers of any length; those that no float holds are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _is_whole(value: Any) -> bool:
    return _is_number(value) and value == int(value) and 1 <= value <= LARGEST_SIDE


def _add_box(
    annotation: Mapping[str, Any],
    place: int,
    listed: Mapping[int, Mapping[str, Any]],
    labels: Mapping[int, int],
    boxes: dict[int, list[_Box]],
    faults: dict[str, list[str]],
) -> None:
    """Add the box of an annotation to its image, or note why it cannot be used."""
    image, category = annotation.get("image_id"), annotation.get("category_id")
    name = f"annotation {annotation.get('id', place)}"
    if type(image) is not int or image not in listed:
        faults[NO_IMAGE].append(name)
        return
    name = f"{name} of {listed[image].get('file_name')}"
    if type(category) is not int or category not in labels:
        faults[NO_CATEGORY].append(name)
        return
    corners = _corners(annotation.get("bbox"))
    if corners is None:
        faults[NO_BOX].append(name)
        return
    left, top, right, bottom = corners
    if not (right - left >= LEAST_SIDE and bottom - top >= LEAST_SIDE):
        faults[NO_AREA].append(name)
        return
    width, height = listed[image].get("width"), listed[image].get("height")
    if not (_is_whole(width) and _is_whole(height)):
        return  # `_image_facts` refuses the image
    assert width is not None
    assert height is not None
    cut = (max(0.0, left), max(0.0, top), min(float(width), right), min(float(height), bottom))
    if cut[2] - cut[0] < LEAST_SIDE or cut[3] - cut[1] < LEAST_SIDE:
        faults[OUTSIDE].append(name)
        return
    if cut != corners:
        faults[CUT].append(name)
    is_crowd = CROWD_MARKS.get(str(annotation.get("iscrowd", 0)))
    if is_crowd is None:
        faults[NO_MARK].append(name)
        return
    if is_crowd:
        faults[CROWD].append(name)
    area = annotation.get("area")
    area = float(area) if area is not None and _is_number(area) and area > 0 else (cut[2] - cut[0]) * (cut[3] - cut[1])
    boxes[image].append(_Box(cut, labels[category], area, is_crowd))


def _corners(box: Any) -> tuple[float, float, float, float] | None:
    """The corners of COCO's (left, top, width, height); None if these are not four finite numbers."""
    if not isinstance(box, list) or len(box) != 4:
        return None
    if not all(map(_is_number, box)):
        return None
    left, top, width, height = map(float, box)
    return left, top, left + width, top + height


def _image(number: int, file: str, width: int, height: int, boxes: list[_Box]) -> BoxedImage:
    return BoxedImage(
        number=number,
        file=file,
        width=width,
        height=height,
        boxes=np.array([box.corners for box in boxes], np.float32).reshape(-1, 4),
        labels=np.array([box.label for box in boxes], np.int64),
        areas=np.array([box.area for box in boxes], np.float64),
        crowd=np.array([box.is_crowd for box in boxes], np.bool_),
    )

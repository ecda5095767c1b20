"""Small data sets in COCO's format: noise with bright rectangles, whose boxes are known."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIZE = (48, 40)
"""The width and the height of an image."""
CATEGORIES = [{"id": 3, "name": "bright"}, {"id": 7, "name": "dark"}]


def content(names: list[str], *, first: int = 0) -> dict[str, Any]:
    """The content of an annotation file: each image has a bright box and a dark box."""
    images, annotations = [], []
    for number, name in enumerate(names, start=first):
        images.append({"id": number, "file_name": name, "width": SIZE[0], "height": SIZE[1]})
        for place, (category, box) in enumerate(boxes_of(number)):
            row = {"id": 2 * number + place, "image_id": number, "category_id": category, "bbox": box, "iscrowd": 0}
            annotations.append(row | {"area": box[2] * box[3]})
    return {"images": images, "annotations": annotations, "categories": CATEGORIES}


def boxes_of(number: int) -> list[tuple[int, list[float]]]:
    """The category and COCO's box of each object of an image."""
    return [(3, [4.0 + number % 5, 6.0, 14.0, 12.0]), (7, [26.0, 20.0 - number % 4, 16.0, 16.0])]


def paint(file: Path, number: int) -> None:
    """Write the image of this number."""
    pixels = np.random.default_rng(number).integers(90, 150, (SIZE[1], SIZE[0], 3)).astype(np.uint8)
    for category, (left, top, width, height) in ((c, map(int, b)) for c, b in boxes_of(number)):
        pixels[top : top + height, left : left + width] = 250 if category == 3 else 5
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file)


def write_coco(folder: Path, *, train: int = 6, validation: int = 4) -> Path:
    """Write a data set in COCO's own layout."""
    for part, first, count in (("train2017", 0, train), ("val2017", train, validation)):
        names = [f"{number:04d}.png" for number in range(first, first + count)]
        for number, name in enumerate(names, start=first):
            paint(folder / part / name, number)
        write_json(folder / "annotations" / f"instances_{part}.json", content(names, first=first))
    return folder


def write_json(file: Path, value: Any) -> None:
    """Write an annotation file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(value))

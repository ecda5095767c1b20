"""COCO's average precision (AP) of detected boxes, as pycocotools computes it.

AP is the mean precision over 101 recalls, over the classes, and over the overlaps (IoU) 0.50, 0.55, ..., 0.95 that a
box needs to count as found (Lin et al., arXiv 1405.0312; https://cocodataset.org/#detection-eval).
"""

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrueBoxes:
    """The objects of an image: corners (N, 4) in pixels, labels (N,), areas (N,), and which are crowds (N,)."""

    boxes: NDArray[np.floating[Any]]
    labels: NDArray[np.int64]
    areas: NDArray[np.float64]
    crowd: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoundBoxes:
    """The boxes that a detector found in an image: corners (N, 4) in pixels, labels (N,), and scores (N,) of 0 to 1."""

    boxes: NDArray[np.floating[Any]]
    labels: NDArray[np.int64]
    scores: NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragePrecision:
    """COCO's numbers, as fractions of 1. `small`, `medium` and `large` are for objects of less than 32², less than 96²
    and more pixels. A number is None if there is no such object. `by_class` has the AP of each class."""

    ap: float
    ap50: float
    ap75: float
    small: float | None
    medium: float | None
    large: float | None
    by_class: tuple[float | None, ...]


def average_precision(true: Sequence[TrueBoxes], found: Sequence[FoundBoxes], *, classes: int) -> AveragePrecision:
    """The AP of the boxes found in each image, whose objects are `true`.

    ValueError if no image has an object that is no crowd.
    """
    from pycocotools.coco import COCO  # slow to import
    from pycocotools.cocoeval import COCOeval

    if not any((~each.crowd).any() for each in true):
        raise ValueError("the average precision needs at least one object, but got none")
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
        about = {
            "images": [{"id": number} for number in range(len(true))],
            "categories": [{"id": label} for label in range(classes)],
        }
        evaluation = COCOeval(
            _index(COCO(), about, _true_rows(true)), _index(COCO(), about, _found_rows(found)), "bbox"
        )
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    precision = evaluation.eval["precision"]  # (overlaps, recalls, classes, sizes, numbers of boxes)
    ap, ap50, ap75, *by_size = (min(1.0, float(value)) for value in evaluation.stats[:6])  # a mean may round up
    small, medium, large = map(_known, by_size)
    by_class = tuple(_known(_mean(precision[:, :, label, 0, -1])) for label in range(classes))
    return AveragePrecision(ap=ap, ap50=ap50, ap75=ap75, small=small, medium=medium, large=large, by_class=by_class)


def _index(coco: Any, about: dict[str, Any], rows: list[dict[str, Any]]) -> Any:
    coco.dataset = {**about, "annotations": rows}
    coco.createIndex()
    return coco


def _true_rows(true: Sequence[TrueBoxes]) -> list[dict[str, Any]]:
    rows = [
        {
            "image_id": image,
            "category_id": int(label),
            "bbox": _as_coco(box),
            "area": float(area),
            "iscrowd": int(crowd),
        }
        for image, each in enumerate(true)
        for box, label, area, crowd in zip(each.boxes, each.labels, each.areas, each.crowd, strict=True)
    ]
    return [{"id": number, **row} for number, row in enumerate(rows, start=1)]


def _found_rows(found: Sequence[FoundBoxes]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {"image_id": image, "category_id": int(label), "bbox": _as_coco(box), "score": float(score)}
        for image, each in enumerate(found)
        for box, label, score in zip(each.boxes, each.labels, each.scores, strict=True)
    ]
    return [
        {"id": number, "area": row["bbox"][2] * row["bbox"][3], "iscrowd": 0, **row}
        for number, row in enumerate(rows, start=1)
    ]


def _as_coco(corners: NDArray[Any]) -> list[float]:
    """COCO's (left, top, width, height) of corners (left, top, right, bottom)."""
    left, top, right, bottom = map(float, corners)
    return [left, top, right - left, bottom - top]


def _mean(precision: NDArray[np.float64]) -> float:
    """The mean of the values that exist; -1 if there is none, as in pycocotools."""
    known = precision[precision > -1]
    return min(1.0, float(known.mean())) if known.size else -1.0


def _known(value: float) -> float | None:
    return None if value < 0 else value

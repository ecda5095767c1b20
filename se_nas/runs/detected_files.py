"""The files of a trained detector's run: its result, and the boxes that it found in the validation images."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from se_nas.errors import InputError
from se_nas.files import read_checked, write_atomically

RESULT = "result.json"
FOUND = "detections.json"

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class EpochRow(BaseModel):
    """The numbers of an epoch."""

    model_config = ConfigDict(strict=True, frozen=True)

    epoch: Count
    loss: Number
    ap: Share
    ap50: Share
    seconds: Number


class DetectedResult(BaseModel):
    """The result of one training of a detector: what was trained, and COCO's numbers on the validation images.

    `placement` says where the trunk has SE. `start` is `retrained` if the trunk began with retrained weights, else
    `initial`. `weights` is a digest of those weights. `normalisation` has the mean and the deviation of
    pixels from 0 to 1, and `pixel_scale` is the scale of pixels without 8 bits.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    placement: str
    start: str
    weights: str
    fingerprint: str
    se: list[str]
    seed: Annotated[int, Field(ge=0)]
    detector: str
    image_size: Count
    recipe: dict[str, int | float]
    normalisation: dict[str, list[float]] = {}
    pixel_scale: dict[str, int | float | None] = {}
    data: str
    images: dict[str, int]
    images_fingerprint: str
    classes: list[str]
    params: Count
    ap: Share
    ap50: Share
    ap75: Share
    small: Share | None
    medium: Share | None
    large: Share | None
    by_class: list[Share | None]
    version: str
    history: Annotated[list[EpochRow], Field(min_length=1)]

    @property
    def seconds(self) -> float:
        """The time of all epochs."""
        return sum(epoch.seconds for epoch in self.history)

    @property
    def kind(self) -> tuple[str, str]:
        """The placement and the start: trainings that share them differ in their seeds only."""
        return self.placement, self.start


def read_detected(folder: Path) -> DetectedResult | None:
    """The result in `folder`; None if there is none, InputError if it is damaged."""
    path = folder / RESULT
    if not path.exists():
        return None
    try:
        return DetectedResult.model_validate(read_checked(path))
    except ValidationError:
        raise InputError(f"{path}: damaged; remove the folder and train the detector again") from None


def write_found(folder: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """Write the found boxes in the format of COCO's results, which pycocotools and COCO's server read."""
    write_atomically(folder / FOUND, json.dumps(rows, separators=(",", ":"), allow_nan=False) + "\n")
    return folder / FOUND


def read_found(folder: Path) -> list[dict[str, Any]]:
    """The found boxes. InputError if they cannot be read."""
    path = folder / FOUND
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [
            {
                "image_id": int(row["image_id"]),
                "category_id": int(row["category_id"]),
                "bbox": [float(value) for value in row["bbox"]],
                "score": float(row["score"]),
            }
            for row in rows
        ]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise InputError(f"{path}: damaged; remove the folder and train the detector again") from None

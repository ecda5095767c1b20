"""A data set for detection: image files, each with the boxes of its objects."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from se_nas.data.inventory import LeftOut

LONGEST = 1333 / 800
"""The longest side of an image that enters a detector, as a multiple of the wanted short side (Lin et al., arXiv
1612.03144)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BoxedImage:
    """An image file and its N objects.

    `boxes` (N, 4) are corners (left, top, right, bottom) in pixels of the image. `labels` (N,) count from 0. `areas`
    (N,) are COCO's areas in pixels, by which objects count as small, medium or large. `crowd` (N,) marks the boxes
    around many objects. `number` is COCO's image id, and `digest` is a hash of the pixels.
    """

    number: int
    file: str
    width: int
    height: int
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    areas: NDArray[np.float64]
    crowd: NDArray[np.bool_]
    digest: str = ""

    @property
    def singles(self) -> NDArray[np.bool_]:
        """A mask (N,) of the boxes around one object. A detector learns only from these."""
        return ~self.crowd

    def shown_size(self, short_side: int) -> tuple[int, int]:
        """The width and height with a short side of `short_side` pixels, or less if the image is long.

        >>> nothing = np.zeros(0)
        >>> image = BoxedImage(number=1, file="a.jpg", width=640, height=480, boxes=nothing, labels=nothing,
        ...     areas=nothing, crowd=nothing)
        >>> image.shown_size(240), image.shown_size(800)
        ((320, 240), (1067, 800))
        """
        longest = int(short_side * LONGEST)
        factor = min(short_side / min(self.width, self.height), longest / max(self.width, self.height))
        return max(1, round(self.width * factor)), max(1, round(self.height * factor))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BoxedData:
    """The training and the validation images of a data set.

    `category_ids` are COCO's ids of the classes. `notes` say how the data set was read, and `left_out` what is not
    used. `measured_on` is `test` if the test images stand in the place of the validation images.
    """

    source: str
    name: str
    class_names: tuple[str, ...]
    category_ids: tuple[int, ...]
    train: tuple[BoxedImage, ...]
    validation: tuple[BoxedImage, ...]
    measured_on: Literal["validation", "test"] = "validation"
    notes: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    def fingerprint(self) -> str:
        """16 hex digits that are equal if classes, pixels and boxes are equal, wherever the files lie."""
        digest = hashlib.sha256(repr((self.class_names, self.category_ids)).encode())
        for part in (self.train, self.validation):
            digest.update(str(len(part)).encode())
            for image in part:
                digest.update(f"{image.number} {image.digest} {image.width} {image.height}".encode())
                for values in (image.boxes, image.labels, image.areas, image.crowd):
                    digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()[:16]


def count_boxes(images: Sequence[BoxedImage]) -> int:
    """The number of boxes around one object in these images."""
    return sum(int(image.singles.sum()) for image in images)

"""The pixels of stored images. Each process maps the file into its memory, so all of them share the pages."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def row_bytes(image_size: int) -> int:
    """The bytes of one stored image."""
    return 3 * image_size**2


@dataclass(frozen=True, slots=True, eq=False)
class StoredPixels:
    """Images (S, S, 3) in rows of a file. `rows` (N,) has -1 for each image that is not stored."""

    file: str
    image_size: int
    rows: NDArray[np.int64]

    @property
    def folder(self) -> Path:
        """The folder of the store."""
        return Path(self.file).parent

    @property
    def missing(self) -> int:
        """The number of images that are not stored."""
        return int((self.rows < 0).sum())

    def subset(self, places: NDArray[np.bool_]) -> "StoredPixels":
        """The images for which `places` is true."""
        return replace(self, rows=self.rows[places])

    def read(self, places: Sequence[int], images: NDArray[np.uint8]) -> list[int]:
        """Copy the images at `places` to `images` (B, S, S, 3). Returns the indices in `images` of those not stored.

        On a machine without the file, or with a part of it, no image is stored.
        """
        rows = self.rows[list(places)]
        try:
            mapped = _mapped(self.file, self.image_size, int(self.rows.max(initial=-1)) + 1)
        except (OSError, ValueError):
            return list(range(len(rows)))
        stored = rows >= 0
        images[stored] = mapped[rows[stored]]
        return np.flatnonzero(~stored).tolist()


@lru_cache(maxsize=8)
def _mapped(file: str, image_size: int, count: int) -> NDArray[np.uint8]:
    """The first `count` rows, which never change. OSError if there is no file, ValueError if it is shorter."""
    return np.memmap(file, np.uint8, mode="r", shape=(count, image_size, image_size, 3))

"""A portion of the training and validation images, for searches on more images than a short trial needs."""

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from se_nas.data.image_data import ImageData, ImageFiles, ImageSet
from se_nas.errors import InputError

P = TypeVar("P", ImageSet, ImageFiles)

SEED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """The images that a search uses: a `fraction` of each class, or the fraction that gives `images` for training.

    The images of a class are taken in a fixed order, so a smaller portion is a part of each larger one. Each class
    keeps at least one image. Numbers are rounded for each class, so a portion can differ from `images` by a few.
    """

    fraction: float = 1.0
    images: int | None = None

    @property
    def is_all(self) -> bool:
        """Whether all images are used."""
        return self.images is None and self.fraction == 1

    def taken(self, train: P, validation: P) -> tuple[P, P]:
        """The training and the validation images of this portion. InputError if it has too many or too few images."""
        fraction = self.fraction
        if self.images is not None:
            classes = len(np.unique(train.labels))
            if not classes <= self.images <= len(train):
                limits = f"{classes:,} (one for each class) to {len(train):,} (all training images)"
                raise InputError(f"--images {self.images}: expected {limits}")
            fraction = self.images / len(train)
        return _of_each_class(train, fraction), _of_each_class(validation, fraction)

    def note(self, *, before: tuple[int, int], after: tuple[int, int]) -> str:
        """A line about the numbers of training and validation images before and after."""
        return (
            f"a portion of the images of each class: {after[0]:,} of {before[0]:,} training images, "
            f"{after[1]:,} of {before[1]:,} validation images"
        )


ALL = Portion()


def with_portion(data: ImageData, portion: Portion) -> ImageData:
    """The same data set with a portion of its training and validation images. They must be in memory."""
    train, validation = data.train, data.validation
    if portion.is_all or not (isinstance(train, ImageSet) and isinstance(validation, ImageSet)):
        return data
    kept, held = portion.taken(train, validation)
    note = portion.note(before=(len(train), len(validation)), after=(len(kept), len(held)))
    return replace(data, train=kept, validation=held, notes=(*data.notes, note))


def _of_each_class(part: P, fraction: float) -> P:
    """The first images of each class in a fixed random order, at least one of each."""
    rng = np.random.default_rng(SEED)
    places = np.zeros(len(part), bool)
    for label in np.unique(part.labels):
        members = rng.permutation(np.flatnonzero(part.labels == label))
        places[members[: max(1, round(fraction * len(members)))]] = True
    return part.subset(places)

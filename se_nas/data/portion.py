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

    def noted(self, train: P, validation: P) -> tuple[P, P, list[str]]:
        """The images of this portion, as `taken` returns them, and a line about their numbers unless all are used."""
        if self.is_all:
            return train, validation, []
        kept, held = self.taken(train, validation)
        note = (
            f"a portion of the images of each class: {len(kept):,} of {len(train):,} training images, "
            f"{len(held):,} of {len(validation):,} validation images"
        )
        return kept, held, [note]


ALL = Portion()


def with_portion(data: ImageData, portion: Portion) -> ImageData:
    """The same data set with a portion of its training and validation images. They must be in memory."""
    assert isinstance(data.train, ImageSet)
    assert isinstance(data.validation, ImageSet)
    train, validation, notes = portion.noted(data.train, data.validation)
    return replace(data, train=train, validation=validation, notes=(*data.notes, *notes))


def _of_each_class(part: P, fraction: float) -> P:
    """The first images of each class in a fixed random order, at least one of each."""
    rng = np.random.default_rng(SEED)
    places = np.zeros(len(part), bool)
    for label in np.unique(part.labels):
        members = rng.permutation(np.flatnonzero(part.labels == label))
        places[members[: max(1, round(fraction * len(members)))]] = True
    return part.subset(places)

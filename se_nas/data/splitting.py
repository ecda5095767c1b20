"""Holds validation and test images out of a data set without these parts. They are always the same images."""

from typing import TypeVar

import numpy as np

from se_nas.data.image_data import ImageFiles, ImageSet

P = TypeVar("P", ImageSet, ImageFiles)

SPLIT_SEED = 0


def split(whole: P, share: float) -> tuple[P, P]:
    """Split off `share` of each class by a fixed seed. Returns (rest, share)."""
    rng = np.random.default_rng(SPLIT_SEED)
    held = np.zeros(len(whole), bool)
    for label in np.unique(whole.labels):
        members = rng.permutation(np.flatnonzero(whole.labels == label))
        held[members[: round(share * len(members))]] = True
    return whole.subset(~held), whole.subset(held)

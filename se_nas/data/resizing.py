"""Resizes a data set of arrays, which have a size of their own. Image files are read at the size that is wanted."""

import hashlib
from dataclasses import replace

import numpy as np
import torch

from se_nas.data.batches.device_data import resize
from se_nas.data.image_data import ImageData, ImageSet, Part
from se_nas.data.sources import MEMORY_SHARE
from se_nas.data.stored_pixels import row_bytes
from se_nas.errors import InputError
from se_nas.machine.limits import memory_bytes


def resized_to(data: ImageData, size: int) -> ImageData:
    """The data set with images of `size` pixels a side, resized with antialiasing. Images of that size are returned.

    InputError if they would take too much memory.
    """
    if data.image_size == size:
        return data
    images = len(data.train) + len(data.validation) + len(data.test)
    needed, most = images * row_bytes(size), MEMORY_SHARE * memory_bytes()
    if needed > most:
        raise InputError(
            f"--image-size {size}: {images:,} images of {data.name} would take {needed / 1e9:,.1f} GB of memory; "
            f"expected at most {most / 1e9:,.1f} GB: choose a smaller size, or give image files"
        )
    return replace(
        data,
        train=_resized(data.train, size),
        validation=_resized(data.validation, size),
        test=_resized(data.test, size),
        notes=(*data.notes, f"images of {data.image_size} px are resized to {size} px"),
    )


def _resized(part: Part, size: int) -> ImageSet:
    """The resized images. Their content is that of the original images, so another version of torch changes nothing."""
    assert isinstance(part, ImageSet)  # only image files stay on disk
    digest = hashlib.blake2b(np.ascontiguousarray(part.images).data, digest_size=16)
    digest.update(f"{part.content} at {size} px".encode())
    images = resize(torch.from_numpy(np.array(part.images)), size).numpy()
    return ImageSet(images=images, labels=part.labels, content=digest.hexdigest())

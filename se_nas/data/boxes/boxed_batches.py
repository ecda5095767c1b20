"""Batches of images with boxes: read ahead in threads, resized, and mirrored for training."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from se_nas.data.boxes.boxed_images import BoxedImage
from se_nas.data.folders.image_file import read_whole_image
from se_nas.data.pixels import PixelScale
from se_nas.machine.limits import cpu_count
from se_nas.seeds import derive_seed

BATCHES_AHEAD = 2
"""The number of batches that are read before they are needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The settings by which images are read: their short side in pixels, and the scale of pixels without 8 bits."""

    short_side: int
    scale: PixelScale


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadImage:
    """An image in the size in which it enters a detector.

    `pixels` are (3, H, W) from 0 to 1. `boxes` (N, 4) are corners in these pixels and `labels` (N,) count from 1, as in
    torchvision, where 0 is the background. Both contain only the boxes around one object.
    """

    image: BoxedImage
    pixels: Tensor
    boxes: Tensor
    labels: Tensor


@dataclass(frozen=True, slots=True)
class _Wanted:
    image: BoxedImage
    is_mirrored: bool = False


def training_batches(
    images: Sequence[BoxedImage], reading: Reading, *, batch_size: int, seed: int, epoch: int
) -> Iterator[list[ReadImage]]:
    """Yield the batches of an epoch. Order and mirroring depend on seed and epoch alone. The last batch may be smaller;
    a last batch of one image is left out if there are others."""
    rng = np.random.default_rng(derive_seed(seed, "boxed images", epoch))
    mirrored = rng.random(len(images)) < 0.5
    wanted = [_Wanted(images[index], bool(mirrored[index])) for index in rng.permutation(len(images))]
    return _batches(wanted[: batch_size * steps_per_epoch(len(images), batch_size)], reading, batch_size)


def steps_per_epoch(images: int, batch_size: int) -> int:
    """The number of batches of an epoch.

    >>> steps_per_epoch(8, 4), steps_per_epoch(9, 4), steps_per_epoch(10, 4), steps_per_epoch(1, 4)
    (2, 2, 3, 1)
    """
    whole, rest = divmod(images, batch_size)
    return whole + (rest > 1 or whole == 0)


def evaluation_batches(images: Sequence[BoxedImage], reading: Reading, *, batch_size: int) -> Iterator[list[ReadImage]]:
    """Yield all images in their order."""
    return _batches([_Wanted(image) for image in images], reading, batch_size)


def _batches(wanted: Sequence[_Wanted], reading: Reading, batch_size: int) -> Iterator[list[ReadImage]]:
    pool = ThreadPoolExecutor(cpu_count(), thread_name_prefix="read-boxed")
    ahead: deque[list[Future[ReadImage]]] = deque()
    try:
        for start in range(0, len(wanted), batch_size):
            ahead.append([pool.submit(_read, each, reading) for each in wanted[start : start + batch_size]])
            if len(ahead) > BATCHES_AHEAD:
                yield [each.result() for each in ahead.popleft()]
        for batch in ahead:
            yield [each.result() for each in batch]
    finally:
        pool.shutdown(cancel_futures=True)


def _read(wanted: _Wanted, reading: Reading) -> ReadImage:
    image = wanted.image
    shown = image.shown_size(reading.short_side)
    pixels = read_whole_image(Path(image.file), size=(image.width, image.height), shown=shown, scale=reading.scale)
    boxes = torch.from_numpy(image.boxes[image.singles]) * _factors(image, shown)
    as_tensor = torch.from_numpy(pixels).permute(2, 0, 1)
    if wanted.is_mirrored:
        as_tensor = as_tensor.flip(2)
        left, top, right, bottom = boxes.unbind(1)
        boxes = torch.stack((shown[0] - right, top, shown[0] - left, bottom), 1)
    labels = torch.from_numpy(image.labels[image.singles]) + 1
    return ReadImage(image=image, pixels=as_tensor.contiguous().float() / 255, boxes=boxes, labels=labels)


def _factors(image: BoxedImage, shown: tuple[int, int]) -> Tensor:
    """The factors that bring corners (N, 4) from the pixels of the image into those of its shown size."""
    across, down = shown[0] / image.width, shown[1] / image.height
    return torch.tensor([across, down, across, down])


def in_image_pixels(boxes: Tensor, image: BoxedImage, reading: Reading) -> Tensor:
    """Corners (N, 4) in pixels of the image file, from corners in the pixels that entered the detector."""
    return boxes / _factors(image, image.shown_size(reading.short_side))

"""Images on a training device: either all images are held there, or each batch is read from disk when it is needed."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from se_nas.data.batches.rand_augment import Augment
from se_nas.data.batches.streaming import stream
from se_nas.data.image_data import ImageFiles, ImageSet, Part
from se_nas.errors import InputError

CHANGED_ALIKE = 32
"""The number of images that share their random operations in an epoch, because one call changes all of them."""
EVALUATION_BATCH = 512
STREAMED_EVALUATION_BATCH = 128
"""It is smaller, because several batches wait in shared memory."""
SAMPLE = 1_000
"""About the number of images on disk from which mean and standard deviation are computed."""


class DeviceImages(Protocol):
    """One part of a data set on `device`. It yields batches: images (B, S, S, 3), uint8, and labels (B,)."""

    device: torch.device
    image_size: int

    def __len__(self) -> int: ...

    def begin(self, chosen: Tensor, augment: Augment | None = None) -> None:
        """Begin an epoch. Its batches are the images at `chosen` (T, B), changed by `augment`."""

    def advance(self) -> None:
        """Wait until the next batch of the epoch is there. Call it before each `take`."""

    def take(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """The next batch of the epoch. `chosen` (B,) must be the indices of its images."""

    def batches(self, first: int = 0, every: int = 1) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of all images, in order; or only every `every`-th batch, from batch number `first` on."""


class ResidentImages:
    """Holds all images on the device. On a CPU they are copied only if they are changed."""

    def __init__(self, part: ImageSet, device: torch.device, *, image_size: int) -> None:
        self.device, self.image_size = device, image_size
        self._images = resize(_tensor(part.images).to(device), image_size)
        self._labels = _tensor(part.labels).to(device)
        self._changed: Tensor | None = None

    def __len__(self) -> int:
        return len(self._labels)

    def begin(self, chosen: Tensor, augment: Augment | None = None) -> None:
        """Change the images, `CHANGED_ALIKE` at a time. With as many steps or more, these come in different batches.

        The changed images overwrite those of the last epoch, because a CUDA graph reads this memory.
        """
        if augment is None:
            return
        if self._changed is None:
            self._changed = torch.empty_like(self._images)
        for number, places in enumerate(torch.split(chosen.t().reshape(-1), CHANGED_ALIKE)):
            places = places.to(self.device)
            self._changed[places] = augment(self._images[places], number)

    def advance(self) -> None:
        """Return at once: all images are there."""

    def take(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """The images at `chosen` (B,). They need not be the next ones."""
        images = self._images if self._changed is None else self._changed
        return images[chosen], self._labels[chosen]

    def batches(self, first: int = 0, every: int = 1) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of all images, as views of the memory that holds them."""
        for start in range(first * EVALUATION_BATCH, len(self), every * EVALUATION_BATCH):
            part = slice(start, start + EVALUATION_BATCH)
            yield self._images[part], self._labels[part]


class StreamedImages:
    """Images that `loaders` processes read and decode ahead of the training. All batches use the same memory."""

    def __init__(self, part: ImageFiles, device: torch.device, *, image_size: int, loaders: int) -> None:
        self.device, self.image_size = device, image_size
        self._part, self._loaders = part, loaders
        self._coming: Iterator[tuple[Tensor, Tensor]] = iter(())
        self._batch: tuple[Tensor, Tensor] | None = None

    def __len__(self) -> int:
        return len(self._part)

    def begin(self, chosen: Tensor, augment: Augment | None = None) -> None:
        """Start to fetch the epoch's batches. Each image has its own random operations."""
        self._coming = iter(())  # ends the processes of the last epoch
        self._coming = iter(
            stream(self._part, chosen.tolist(), loaders=self._loaders, device=self.device, augment=augment)
        )

    def advance(self) -> None:
        """Wait for the next batch and copy it over the last batch."""
        images, labels = _next(self._coming)
        fetched = (resize(images.to(self.device, non_blocking=True), self.image_size), labels)
        if self._batch is None:
            self._batch = (fetched[0].clone(), fetched[1].to(self.device, copy=True))
        else:
            for held, each in zip(self._batch, fetched, strict=True):
                held.copy_(each, non_blocking=True)

    def take(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """The batch that `advance` fetched last."""
        assert self._batch is not None
        return self._batch

    def batches(self, first: int = 0, every: int = 1) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of all images, which are read from disk again on each call."""
        size = STREAMED_EVALUATION_BATCH
        starts = range(first * size, len(self), every * size)
        places = [range(start, min(start + size, len(self))) for start in starts]
        coming = iter(stream(self._part, places, loaders=self._loaders, device=self.device))
        for _ in places:
            images, labels = _next(coming)
            yield resize(images.to(self.device), self.image_size), labels.to(self.device)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DeviceData:
    """The training part and the `evaluation` part (validation or test) of a data set, on the training device.

    Both are normalised by the training part's `mean` and standard `deviation`, (3,) each, in pixel values of 0 to 255.
    `class_counts` (classes,) are the numbers of training images of each class.
    """

    train: DeviceImages
    evaluation: DeviceImages
    mirrored: bool
    mean: Tensor
    deviation: Tensor
    class_counts: Tensor

    @classmethod
    def of(
        cls,
        train: Part,
        evaluation: Part,
        *,
        mirrored: bool,
        device: torch.device,
        loaders: int = 1,
        image_size: int | None = None,
    ) -> "DeviceData":
        """Put two parts on the device. Each part that stays on disk is read by `loaders` processes.

        Images are resized on the device to the side `image_size`, if it is given.
        """
        mean, deviation = _statistics(train)
        return cls(
            train=place(train, device, loaders=loaders, image_size=image_size),
            evaluation=place(evaluation, device, loaders=loaders, image_size=image_size),
            mirrored=mirrored,
            mean=mean.to(device),
            deviation=deviation.to(device),
            class_counts=torch.from_numpy(np.bincount(train.labels)).to(device),
        )

    def balanced_weights(self) -> Tensor:
        """A weight for each class (classes,), by which all classes count alike: their mean over the training images is
        1, as in scikit-learn's `class_weight="balanced"`. The weight of a class without training images is 0."""
        there = self.class_counts > 0
        weights = self.class_counts.sum() / (there.sum() * self.class_counts)
        return torch.where(there, weights, torch.zeros_like(weights))

    def normalised(self, images: Tensor) -> Tensor:
        """Convert images (B, S, S, 3), uint8, to normalised floats (B, 3, S, S) in channels-last memory."""
        count, size = images.shape[:2]
        rows = images.reshape(count, size, 3 * size)  # three times as fast on a CPU as pixel by pixel
        rows = torch.sub(rows, self.mean.repeat(size)).div_(self.deviation.repeat(size))
        return rows.view(count, size, size, 3).permute(0, 3, 1, 2)


def place(part: Part, device: torch.device, *, loaders: int = 1, image_size: int | None = None) -> DeviceImages:
    """Put one part on the device. Images are resized there to the side `image_size`, if it is given."""
    size = part.image_size if image_size is None else image_size
    if isinstance(part, ImageSet):
        return ResidentImages(part, device, image_size=size)
    return StreamedImages(part, device, image_size=size, loaders=loaders)


def resize(images: Tensor, size: int) -> Tensor:
    """Resize images (B, S, S, 3), uint8, to (B, size, size, 3), with antialiasing. Images of that size are returned."""
    if images.shape[1] == size:
        return images
    resized = images.new_empty(len(images), size, size, 3)
    for first in range(0, len(images), EVALUATION_BATCH):  # a part at a time: pixels need four bytes meanwhile
        part = images[first : first + EVALUATION_BATCH].permute(0, 3, 1, 2).float()
        scaled = F.interpolate(part, (size, size), mode="bilinear", antialias=True)
        whole = scaled.round_().clamp_(0, 255).to(torch.uint8)
        resized[first : first + EVALUATION_BATCH] = whole.permute(0, 2, 3, 1)
    return resized


def _next(coming: Iterator[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """The next batch. The InputError for an unreadable file loses the traceback of the process that met it."""
    try:
        return next(coming)
    except InputError as error:
        raise InputError(str(error).strip().splitlines()[-1].partition(": ")[2]) from None


def _tensor(array: NDArray[Any]) -> Tensor:
    """A tensor that shares the array's memory. Nothing may write to it: other processes may read the same memory."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
        return torch.from_numpy(np.ascontiguousarray(array))


def _statistics(part: Part) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel, from counts of the pixel values. Images on disk are sampled."""
    if isinstance(part, ImageFiles):
        every = -(-len(part) // SAMPLE)
        part = part.loaded(range(0, len(part), every))
    values = np.arange(256)
    counts = np.zeros((3, 256))
    for start in range(0, len(part), SAMPLE):
        some = part.images[start : start + SAMPLE]
        counts += [np.bincount(some[..., channel].ravel(), minlength=256) for channel in range(3)]
    shares = counts / counts.sum(axis=1, keepdims=True)
    mean = shares @ values
    deviation = np.sqrt((shares * (values - mean[:, None]) ** 2).sum(axis=1))
    return torch.tensor(mean, dtype=torch.float32), torch.tensor(deviation, dtype=torch.float32).clamp_min(1.0)

"""Images as a training device holds them: all at once, or batch after batch from disk."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from se_nas.data.image_data import ImageFiles, ImageSet, Part
from se_nas.data.rand_augment import Augment
from se_nas.data.streaming import stream
from se_nas.errors import InputError

CHANGED_ALIKE = 32
"""Images that share the random operations of an epoch, since one call then changes them all."""
EVALUATION_BATCH = 512
STREAMED_EVALUATION_BATCH = 128
"""Smaller, since several wait in shared memory."""
SAMPLE = 1_000
"""Images on disk that mean and deviation are taken from."""


class DeviceImages(Protocol):
    """One part of a data set: uint8 images (B, S, S, 3) and labels (B,), batch by batch, on `device`."""

    device: torch.device
    image_size: int

    def __len__(self) -> int: ...

    def begin(self, chosen: Tensor, augment: Augment | None = None) -> None:
        """An epoch begins, whose batches will be the images at `chosen` (T, B), changed by `augment`."""

    def advance(self) -> None:
        """The next batch of the epoch will be taken; waits until it is there."""

    def take(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """The batch of the images at `chosen` (B,), which are the epoch's next."""

    def batches(self, first: int = 0, every: int = 1) -> Iterator[tuple[Tensor, Tensor]]:
        """Every image once, in order; or of the batches only each so many-th, from the `first` on."""


class ResidentImages:
    """All images on the device; on a CPU they are not copied, unless they are changed."""

    def __init__(self, part: ImageSet, device: torch.device) -> None:
        self.device, self.image_size = device, part.image_size
        self._images, self._labels = _tensor(part.images).to(device), _tensor(part.labels).to(device)
        self._changed: Tensor | None = None

    def __len__(self) -> int:
        return len(self._labels)

    def begin(self, chosen: Tensor, augment: Augment | None = None) -> None:
        """Change the images, `CHANGED_ALIKE` at a time; in an epoch of as many steps they come in different batches.

        They go into the memory of the last epoch's, since that is where a recorded step looks.
        """
        if augment is None:
            return
        if self._changed is None:
            self._changed = torch.empty_like(self._images)
        for number, places in enumerate(torch.split(chosen.t().reshape(-1), CHANGED_ALIKE)):
            places = places.to(self.device)
            self._changed[places] = augment(self._images[places], number)

    def advance(self) -> None:
        """Nothing to wait for."""

    def take(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Any batch, at any time."""
        images = self._images if self._changed is None else self._changed
        return images[chosen], self._labels[chosen]

    def batches(self, first: int = 0, every: int = 1) -> Iterator[tuple[Tensor, Tensor]]:
        """Views of the images."""
        for start in range(first * EVALUATION_BATCH, len(self), every * EVALUATION_BATCH):
            part = slice(start, start + EVALUATION_BATCH)
            yield self._images[part], self._labels[part]


class StreamedImages:
    """Images read and decoded by `loaders` processes ahead of the training; a batch always lies in the same memory."""

    def __init__(self, part: ImageFiles, device: torch.device, *, loaders: int) -> None:
        self.device, self.image_size = device, part.image_size
        self._part, self._loaders = part, loaders
        self._coming: Iterator[tuple[Tensor, Tensor]] = iter(())
        self._batch: tuple[Tensor, Tensor] | None = None

    def __len__(self) -> int:
        return len(self._part)

    def begin(self, chosen: Tensor, augment: Augment | None = None) -> None:
        """Start to fetch the epoch's batches; each image is changed by itself."""
        self._coming = iter(())  # ends the last epoch's processes
        self._coming = iter(
            stream(self._part, chosen.tolist(), loaders=self._loaders, device=self.device, augment=augment)
        )

    def advance(self) -> None:
        """Put the next batch where the last one was."""
        fetched = _next(self._coming)
        if self._batch is None:
            self._batch = (fetched[0].to(self.device, copy=True), fetched[1].to(self.device, copy=True))
        else:
            for held, each in zip(self._batch, fetched, strict=True):
                held.copy_(each, non_blocking=True)

    def take(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """The batch that was fetched last."""
        assert self._batch is not None
        return self._batch

    def batches(self, first: int = 0, every: int = 1) -> Iterator[tuple[Tensor, Tensor]]:
        """Fetched once more each time."""
        size = STREAMED_EVALUATION_BATCH
        starts = range(first * size, len(self), every * size)
        places = [range(start, min(start + size, len(self))) for start in starts]
        coming = iter(stream(self._part, places, loaders=self._loaders, device=self.device))
        for _ in places:
            images, labels = _next(coming)
            yield images.to(self.device), labels.to(self.device)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DeviceData:
    """The parts that a training may look at, on its device; `evaluation` is the validation or the test part.

    All are normalised by the training part's `mean` and `deviation`, (3,) each, in pixel values of 0 to 255.
    """

    train: DeviceImages
    evaluation: DeviceImages
    mirrored: bool
    mean: Tensor
    deviation: Tensor

    @classmethod
    def of(
        cls, train: Part, evaluation: Part, *, mirrored: bool, device: torch.device, loaders: int = 1
    ) -> "DeviceData":
        """Put the training part and one other on the device; what stays on disk is read by `loaders` processes each."""
        mean, deviation = _statistics(train)
        return cls(
            train=place(train, device, loaders=loaders),
            evaluation=place(evaluation, device, loaders=loaders),
            mirrored=mirrored,
            mean=mean.to(device),
            deviation=deviation.to(device),
        )

    def normalised(self, images: Tensor) -> Tensor:
        """(B, S, S, 3) as uint8 -> float (B, 3, S, S) in channels-last memory."""
        count, size = images.shape[:2]
        rows = images.reshape(count, size, 3 * size)  # a CPU is three times as quick by whole rows as by pixels
        rows = torch.sub(rows, self.mean.repeat(size)).div_(self.deviation.repeat(size))
        return rows.view(count, size, size, 3).permute(0, 3, 1, 2)


def place(part: Part, device: torch.device, *, loaders: int = 1) -> DeviceImages:
    """One part on the device."""
    if isinstance(part, ImageSet):
        return ResidentImages(part, device)
    return StreamedImages(part, device, loaders=loaders)


def _next(coming: Iterator[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """The next batch; a file that cannot be read is told without the trace that came with it from another process."""
    try:
        return next(coming)
    except InputError as error:
        raise InputError(str(error).strip().splitlines()[-1].partition(": ")[2]) from None


def _tensor(array: NDArray[Any]) -> Tensor:
    """The array's own memory, which may be shared with other processes; nobody writes to it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
        return torch.from_numpy(np.ascontiguousarray(array))


def _statistics(part: Part) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each channel, by how often each pixel value comes; of a sample of images on disk."""
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

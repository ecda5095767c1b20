"""Images in memory: what a data set is, and how a training device holds it."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from se_nas.errors import InputError

EVALUATION_BATCH = 512


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageSet:
    """RGB images (N, H, W, 3) as uint8 and their classes (N,) as int64."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def image_size(self) -> int:
        """Pixels a side."""
        return int(self.images.shape[1])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageData:
    """A data set, its three parts apart: the search sees `train` and `validation`, retraining also `test`.

    `mirrored` says that an image and its mirror image show the same class (not so for digits).
    """

    name: str
    classes: int
    train: ImageSet
    validation: ImageSet
    test: ImageSet
    mirrored: bool

    def __post_init__(self) -> None:
        shape = self.train.images.shape[1:]
        for name in ("train", "validation", "test"):
            part: ImageSet = getattr(self, name)
            if part.images.ndim != 4 or part.images.shape[3] != 3 or part.images.shape[1] != part.images.shape[2]:
                raise InputError(
                    f"{self.name}: {name} images must be square RGB, (N, S, S, 3), but are {part.images.shape}"
                )
            if not part.images.shape[1]:
                raise InputError(f"{self.name}: {name} images have no pixels: {part.images.shape}")
            if part.images.dtype != np.uint8:
                raise InputError(f"{self.name}: {name} images must be uint8, but are {part.images.dtype}")
            if part.images.shape[1:] != shape:
                raise InputError(
                    f"{self.name}: train images are {shape[:2]}, but {name} images {part.images.shape[1:3]}"
                )
            if len(part) != len(part.images) or not len(part):
                raise InputError(f"{self.name}: {name} has {len(part.images)} images and {len(part)} labels")
            if part.labels.min() < 0 or part.labels.max() >= self.classes:
                raise InputError(
                    f"{self.name}: {name} labels must lie in 0..{self.classes - 1}, "
                    f"but reach from {part.labels.min()} to {part.labels.max()}"
                )
        if self.classes < 2 or len(np.unique(self.train.labels)) < 2:
            raise InputError(f"{self.name}: at least two classes are needed in the training images, but found one")

    @property
    def image_size(self) -> int:
        """Pixels a side."""
        return self.train.image_size


class DeviceImages:
    """One part of a data set on the training device, whole, as uint8; on a CPU it is not copied."""

    def __init__(self, part: ImageSet, *, mean: Tensor, deviation: Tensor, device: torch.device) -> None:
        self.device = device
        self._images, self._labels = _tensor(part.images).to(device), _tensor(part.labels).to(device)
        self._mean, self._scale = mean.to(device), (1 / deviation).to(device)

    def __len__(self) -> int:
        return len(self._labels)

    @property
    def image_size(self) -> int:
        """Pixels a side."""
        return self._images.shape[1]

    def take(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Images (B, S, S, 3) as uint8 and labels (B,) at the places `chosen` (B,)."""
        return self._images[chosen], self._labels[chosen]

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Every image once, in order and as it is: float images (B, 3, S, S) in channels-last memory, labels (B,)."""
        for start in range(0, len(self), EVALUATION_BATCH):
            part = slice(start, start + EVALUATION_BATCH)
            yield self.normalised(self._images[part]), self._labels[part]

    def normalised(self, images: Tensor) -> Tensor:
        """(B, S, S, 3) as uint8 -> float (B, 3, S, S) in channels-last memory."""
        return torch.sub(images, self._mean).mul_(self._scale).permute(0, 3, 1, 2)


def _tensor(array: NDArray[Any]) -> Tensor:
    """The array's own memory, which may be shared with other processes; nobody writes to it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
        return torch.from_numpy(np.ascontiguousarray(array))


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
    def of(cls, train: ImageSet, evaluation: ImageSet, *, mirrored: bool, device: torch.device) -> "DeviceData":
        """Put the training part and one other on the device."""
        pixels = train.images.reshape(-1, 3)
        mean = torch.tensor(pixels.mean(axis=0, dtype=np.float64), dtype=torch.float32)
        deviation = torch.tensor(pixels.std(axis=0, dtype=np.float64), dtype=torch.float32).clamp_min(1.0)

        def placed(part: ImageSet) -> DeviceImages:
            return DeviceImages(part, mean=mean, deviation=deviation, device=device)

        return cls(
            train=placed(train),
            evaluation=placed(evaluation),
            mirrored=mirrored,
            mean=mean,
            deviation=deviation,
        )

"""A data set in three parts. Each part is images in memory, or image files that stay on disk."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from se_nas.data.inventory import UNREADABLE, Inventory, LeftOut
from se_nas.data.pixels import EIGHT_BIT, PixelScale
from se_nas.data.stored_pixels import StoredPixels
from se_nas.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageSet:
    """RGB images (N, H, W, 3), uint8, and their classes (N,), int64.

    `content` is a digest of the files from which the images were read; it is empty if there are no such files.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    content: str = ""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def image_size(self) -> int:
        """The side of an image in pixels."""
        return int(self.images.shape[1])

    @property
    def nbytes(self) -> int:
        """The memory of the images in bytes."""
        return self.images.nbytes

    def subset(self, places: NDArray[np.bool_]) -> "ImageSet":
        """The images for which `places` is true."""
        return ImageSet(images=self.images[places], labels=self.labels[places])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageFiles:
    """Images that stay on disk, and their classes (N,), int64. `read(file, image_size)` returns an image (S, S, 3).

    `content` is a digest of the files' pixels, equal to the digest of the same images in memory; empty if unknown.
    `stored` has the pixels of images that were decoded before. The others are decoded when they are read.
    """

    files: tuple[str, ...]
    labels: NDArray[np.int64]
    image_size: int
    read: Callable[[Path, int], NDArray[np.uint8]]
    content: str = ""
    stored: StoredPixels | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def nbytes(self) -> int:
        """The memory of the images in bytes: 0."""
        return 0

    def subset(self, places: NDArray[np.bool_]) -> "ImageFiles":
        """The images for which `places` is true."""
        kept = tuple(self.files[place] for place in np.flatnonzero(places))
        stored = self.stored and self.stored.subset(places)
        return replace(self, files=kept, labels=self.labels[places], content="", stored=stored)

    def loaded(self, places: Sequence[int]) -> ImageSet:
        """Read the images at these places into memory."""
        images = np.empty((len(places), self.image_size, self.image_size, 3), np.uint8)
        missing = range(len(places)) if self.stored is None else self.stored.read(places, images)
        for index in missing:
            images[index] = self.read(Path(self.files[places[index]]), self.image_size)
        return ImageSet(images=images, labels=self.labels[list(places)])


Part = ImageSet | ImageFiles


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageData:
    """A data set in three separate parts. A search sees `train` and `validation`; retraining also sees `test`.

    `mirrored` is true if an image and its mirror image show the same class (false for digits). `scale` is the scale of
    pixels that do not have 8 bits. `notes` say how the data set was understood; `warnings` say what looks wrong.
    """

    name: str
    class_names: tuple[str, ...]
    train: Part
    validation: Part
    test: Part
    mirrored: bool
    scale: PixelScale = EIGHT_BIT
    notes: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("train", "validation", "test"):
            self._check(name, getattr(self, name))
        if self.classes < 2 or len(np.unique(self.train.labels)) < 2:
            raise InputError(f"{self.name}: at least two classes are needed in the training images, but found one")

    def _check(self, name: str, part: Part) -> None:
        if isinstance(part, ImageSet):
            self._check_pixels(name, part.images)
            if len(part) != len(part.images):
                raise InputError(f"{self.name}: {name} has {len(part.images)} images and {len(part)} labels")
        if part.image_size != self.train.image_size:
            raise InputError(
                f"{self.name}: train images are {self.train.image_size} px, but {name} images {part.image_size} px"
            )
        if not len(part):
            raise InputError(f"{self.name}: {name} has 0 images and 0 labels")
        if part.labels.min() < 0 or part.labels.max() >= self.classes:
            raise InputError(
                f"{self.name}: {name} labels must lie in 0..{self.classes - 1}, "
                f"but reach from {part.labels.min()} to {part.labels.max()}"
            )

    def _check_pixels(self, name: str, images: NDArray[np.uint8]) -> None:
        if images.ndim != 4 or images.shape[3] != 3 or images.shape[1] != images.shape[2]:
            raise InputError(f"{self.name}: {name} images must be square RGB, (N, S, S, 3), but are {images.shape}")
        if not images.shape[1]:
            raise InputError(f"{self.name}: {name} images have no pixels: {images.shape}")
        if images.dtype != np.uint8:
            raise InputError(f"{self.name}: {name} images must be uint8, but are {images.dtype}")

    def fingerprint(self) -> str:
        """16 hex digits that are equal for equal images and classes, in memory or on disk.

        If the content of files is unknown, their names and their sizes in bytes are used.
        """
        return _fingerprint(self.class_names, (self.train, self.validation, self.test))

    def is_known_as(self, fingerprint: str) -> bool:
        """Whether `fingerprint` is that of this data set, computed by this version or by earlier versions."""
        parts = (self.train, self.validation, self.test)
        return fingerprint in (self.fingerprint(), _fingerprint(self.class_names, tuple(map(_without_content, parts))))

    def training_fingerprints(self) -> tuple[str, str]:
        """The fingerprint without the test images, computed as in this version and as in earlier versions."""
        parts = (self.train, self.validation)
        return (
            _fingerprint(self.class_names, parts),
            _fingerprint(self.class_names, tuple(map(_without_content, parts))),
        )

    def inventory(self) -> Inventory:
        """The content of the data set as it was understood."""
        parts = (self.train, self.validation, self.test)
        counts = np.stack([np.bincount(part.labels, minlength=self.classes) for part in parts], axis=1)
        return Inventory(
            name=self.name,
            image_size=self.image_size,
            class_names=self.class_names,
            counts=tuple((train, validation, test) for train, validation, test in counts.tolist()),
            notes=self.notes,
            left_out=self.left_out,
            warnings=self.warnings,
        )

    @property
    def unreadable(self) -> int:
        """The number of files that were left out because they cannot be read."""
        return sum(each.count for each in self.left_out if each.reason == UNREADABLE)

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)

    @property
    def image_size(self) -> int:
        """The side of an image in pixels."""
        return self.train.image_size


def _without_content(part: Part) -> Part:
    return replace(part, content="")


def _fingerprint(class_names: Sequence[str], parts: Sequence[Part]) -> str:
    """16 hex digits. InputError if the size of a file is needed but the file is missing."""
    digest = hashlib.blake2b("\0".join(class_names).encode(errors="surrogateescape"), digest_size=8)
    for part in parts:
        digest.update(part.labels.tobytes())
        if part.content:
            digest.update(part.content.encode())
        elif isinstance(part, ImageSet):
            digest.update(np.ascontiguousarray(part.images).data)
        else:
            digest.update("\0".join(map(_name_and_size, part.files)).encode(errors="surrogateescape"))
    return digest.hexdigest()


def _name_and_size(file: str) -> str:
    try:
        return f"{Path(file).name} {Path(file).stat().st_size}"
    except OSError as error:
        raise InputError(f"{file}: cannot be read as an image ({error.strerror})") from None

"""The needs of a run's trainings on a machine: a GPU, images that stay on disk, and shared memory."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from se_nas.data.image_data import ImageFiles, Part
from se_nas.machine.shared_memory import shared_memory_problem
from se_nas.training.devices.device import gpu_count

LOOKED_AT = 256
"""The number of image files of each part that are checked, evenly spread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """The needs of a training: the files `images` with their sizes in bytes, and `shared_bytes` of shared memory."""

    images: tuple[tuple[str, int], ...]
    shared_bytes: int = 0

    @classmethod
    def of(cls, *parts: Part, shared_bytes: int = 0) -> "Needs":
        """The needs of trainings on these images."""
        images = tuple(image for part in parts if isinstance(part, ImageFiles) for image in _some_of(part))
        return cls(images=images, shared_bytes=shared_bytes)

    def __call__(self, needs_gpu: bool) -> str | None:
        """A line that names what this machine lacks; None if it lacks nothing."""
        if needs_gpu and not gpu_count():
            return "torch finds no GPU there"
        return self._images_problem() or shared_memory_problem(self.shared_bytes)

    def _images_problem(self) -> str | None:
        for name, size in self.images:
            try:
                with Path(name).open("rb") as file:
                    file.read(1)
                    here = Path(name).stat().st_size
            except FileNotFoundError:
                return f"image {name} is not there"
            except OSError as error:
                return f"image {name} cannot be read there ({error.strerror})"
            if here != size:
                return f"image {name} is another file there ({here:,} bytes, the search's has {size:,})"
        return None


def _some_of(part: ImageFiles) -> Iterator[tuple[str, int]]:
    """Files with their sizes in bytes. A file that has gone is not listed: the training that reads it names it."""
    every = max(1, len(part.files) // LOOKED_AT)
    for name in part.files[::every]:
        with contextlib.suppress(OSError):
            yield name, Path(name).stat().st_size

"""The needs of a run's trainings on a machine: the run folder, and images that stay on disk."""

import contextlib
import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from se_nas.data.image_data import ImageFiles, Part
from se_nas.files import write_atomically
from se_nas.machine.shared_memory import shared_memory_problem
from se_nas.training.devices.device import gpu_count

LOOKED_AT = 256
"""The number of image files of each part that are checked, evenly spread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """The needs of a training: the file `mark` in `folder` with the content `token`, the files `images` with their
    sizes in bytes, and `shared_bytes` of shared memory."""

    folder: Path
    mark: Path
    token: str
    images: tuple[tuple[str, int], ...]
    shared_bytes: int = 0

    @classmethod
    def of(cls, folder: Path, *parts: Part, shared_bytes: int = 0) -> "Needs":
        """The needs of trainings on these images that write into `folder`; writes a mark into the folder."""
        mark, token = folder / ".machines", secrets.token_hex(8)
        write_atomically(mark, token)
        images = tuple(image for part in parts if isinstance(part, ImageFiles) for image in _some_of(part))
        return cls(folder=folder, mark=mark, token=token, images=images, shared_bytes=shared_bytes)

    def __call__(self, needs_gpu: bool) -> str | None:
        """A line that names what this machine lacks; None if it lacks nothing."""
        if needs_gpu and not gpu_count():
            return "torch finds no GPU there"
        return self._folder_problem() or self._images_problem() or shared_memory_problem(self.shared_bytes)

    def _folder_problem(self) -> str | None:
        try:
            if self.mark.read_text() != self.token:
                return f"{self.folder} is another folder there; expected a file system that all machines share"
            with tempfile.TemporaryFile(dir=self.folder) as file:
                file.write(b"\0")
        except FileNotFoundError:
            return f"the run folder {self.folder} is not there; expected a file system that all machines share"
        except OSError as error:
            return f"the run folder {self.folder} cannot be read and written there ({error.strerror})"
        return None

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

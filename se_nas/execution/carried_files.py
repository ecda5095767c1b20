"""Carried files: the files of trainings on a machine that does not see the run folder.

There, a worker writes into a temporary folder of its own. What it has written travels with its next report, and the
driver writes it into the run folder before it takes the report. A checkpoint travels the other way, with the task.
"""

import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from se_nas.execution.temporary_folders import (
    make_temporary_folder,
    remove_abandoned_folders,
    remove_temporary_folder,
)
from se_nas.files import write_atomically

FILES = "files"
"""The name of the folder with the files, inside the worker's temporary folder."""


@dataclass(slots=True, eq=False)
class Parcel:
    """The content of files by their path inside a folder. Ray copies it from one machine to another."""

    contents: dict[str, bytes] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, files: Iterable[Path], folder: Path) -> "Parcel":
        """The files that exist. They lie in `folder`."""
        return cls({str(file.relative_to(folder)): file.read_bytes() for file in files if file.is_file()})

    def unpack(self, folder: Path) -> None:
        """Write each file atomically, and forget its content. WriteError if a file cannot be written."""
        for name in list(self.contents):
            write_atomically(folder / name, self.contents[name])
            del self.contents[name]


class OwnFiles:
    """A temporary folder into which a worker writes in place of the run folder. It is removed with the worker."""

    def __init__(self) -> None:
        place = Path(tempfile.gettempdir())
        remove_abandoned_folders(place)
        self._folder = make_temporary_folder(place)
        self._seen: dict[Path, tuple[int, ...]] = {}

    @property
    def path(self) -> Path:
        """The folder to write into."""
        return self._folder / FILES

    def begin(self, parcel: Parcel) -> None:
        """Remove the files of the last training, and write those that came with the next one."""
        shutil.rmtree(self.path, ignore_errors=True)
        parcel.unpack(self.path)
        self._seen = self._states()

    def written(self) -> Parcel:
        """The files that were written since the training began or since the last call."""
        before, self._seen = self._seen, self._states()
        return Parcel.of((file for file, state in self._seen.items() if before.get(file) != state), self.path)

    def remove(self) -> None:
        """Remove the folder."""
        remove_temporary_folder(self._folder)

    def _states(self) -> dict[Path, tuple[int, ...]]:
        """What distinguishes each file from an earlier file of its name."""
        states: dict[Path, tuple[int, ...]] = {}
        for file in self.path.rglob("*"):
            if file.is_file():
                state = file.stat()
                states[file] = (state.st_ino, state.st_mtime_ns, state.st_size)
        return states


def temporary_folder_problem() -> str | None:
    """One line that says why this machine has no place for temporary files; None if it has one."""
    try:
        with tempfile.TemporaryFile() as file:
            file.write(b"\0")
    except OSError as error:
        return f"it has no folder for temporary files ({error.strerror or error})"
    return None

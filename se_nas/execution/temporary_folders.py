"""Temporary folders of a search: none stays when its process has been killed.

A process locks a file in each of its folders (flock). The kernel releases the lock with the process, whatever ends it.
So a folder with such a file and without a lock was left behind: by a process that was killed together with its watcher
(`se_nas.process.last_words`), or before the watcher was done. The next search removes it.
"""

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from se_nas.process import last_words

PREFIX = "ray-"
IN_USE = "in-use.lock"
"""The name of the locked file."""

_locks: dict[Path, int] = {}  # descriptors of the locked files, by folder


def make_temporary_folder(place: Path) -> Path:
    """Make a folder in `place` that only this user can read, and mark it as this process's. OSError if that fails."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place.absolute()))
    last_words.leave_folder(folder)
    with contextlib.suppress(OSError):  # a file system without locks: only the watcher removes the folder
        # The file gets its name after its lock, or another search could see it without one.
        unnamed = folder / f"{IN_USE}.new"
        descriptor = os.open(unnamed, os.O_CREAT | os.O_WRONLY, 0o600)
        _locks[folder] = descriptor
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unnamed.rename(folder / IN_USE)
    return folder


def remove_temporary_folder(folder: Path) -> None:
    """Remove a folder of this process, with all that it holds."""
    shutil.rmtree(folder, ignore_errors=True)
    _disown(folder)


def keep_temporary_folder(folder: Path) -> None:
    """Leave a folder of this process for people to read. No search removes it."""
    (folder / IN_USE).unlink(missing_ok=True)
    _disown(folder)


def remove_abandoned_folders(place: Path) -> None:
    """Remove the folders of this user in `place` whose processes have died."""
    for folder in _own_folders(place):
        with contextlib.suppress(OSError):  # no such file, or a living process holds its lock
            descriptor = os.open(folder / IN_USE, os.O_WRONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)


def _disown(folder: Path) -> None:
    last_words.forget_folder(folder)
    if (descriptor := _locks.pop(folder, None)) is not None:
        os.close(descriptor)


def _own_folders(place: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        for entry in sorted(place.glob(f"{PREFIX}*")):
            with contextlib.suppress(OSError):
                seen = entry.lstat()
                if stat.S_ISDIR(seen.st_mode) and seen.st_uid == os.getuid():
                    yield entry

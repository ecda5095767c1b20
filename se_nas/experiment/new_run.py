"""Claims the folder of a new search. Whatever else starts at the same moment gets another folder, or is refused.

Light: a folder that is in use is refused before torch is imported.
"""

import contextlib
import itertools
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from se_nas.errors import InputError
from se_nas.experiment.lock import LOCK, locked
from se_nas.files import sync_folder
from se_nas.wording import printable

CONFIG = "config.yaml"
"""With this file a search can be resumed."""
MADE_FIRST = (LOCK, "space.yaml", ".space.yaml.", ".config.yaml.")
"""How the names of the files begin that a search writes before that one."""


@contextlib.contextmanager
def new_run_folder(wanted: Path | None, default: Path) -> Iterator[Path]:
    """A new folder, locked from its creation to the end of the body: `wanted`, which may exist if it is empty, or else
    `default` with the first of "", "-2", "-3", ... that is not there yet. InputError when it is not to be had.

    A search that fails before its `config.yaml` is written leaves nothing behind.
    """
    with contextlib.ExitStack() as stack:
        path, is_new = (wanted, _make(wanted)) if wanted is not None else (_first_free(default), True)
        if is_new:
            stack.callback(_remove_if_empty, path)
        else:
            check_new(path)
        stack.enter_context(locked(path))
        check_new(path)  # another search may have come and gone
        try:
            yield path
        except BaseException:
            if not (path / CONFIG).exists():
                _remove_what_was_made(path)
            raise


def check_new(path: Path) -> None:
    """InputError when a new search may not be written to `path`: it is no folder, or holds something.

    What a search left that was killed before its `config.yaml` was written counts as nothing.
    """
    if str(path).startswith("-"):
        raise InputError(f"--run {path}: other commands would take it for a flag; write {path.absolute()}")
    if (reason := wrong_name(path)) is not None:
        raise InputError(f"--run {printable(str(path))}: {reason}; name another folder")
    try:
        if not os.path.lexists(path):
            return
        if not path.exists():
            raise InputError(f"--run {path}: a link to {path.readlink()}, where nothing is; make that folder first")
        if not path.is_dir():
            raise InputError(f"--run {path}: a file, but a folder is needed; name another one")
        names = {entry.name for entry in path.iterdir()}
    except OSError as error:
        raise InputError(f"--run {path}: cannot be used ({error.strerror or error})") from None
    was_claimed = LOCK in names and all(name.startswith(MADE_FIRST) for name in names)
    if not names or was_claimed:
        return
    instead = f"use --resume {path}, or another folder" if CONFIG in names else "name another folder"
    raise InputError(f"--run {path}: already there and not empty; {instead}")


def wrong_name(path: Path) -> str | None:
    """Why a run folder cannot lie there because of its name or the name of a folder above it; None when it can."""
    kinds = {unicodedata.category(letter) for letter in str(path.absolute())}
    if "Cs" in kinds:  # half of a name that is not UTF-8, as Python holds it
        return "its path is not UTF-8, which SQLite needs"
    return "its path has a line break or another control character" if "Cc" in kinds else None


def _first_free(default: Path) -> Path:
    """Make the first folder that is free: of two searches, one makes it (mkdir), and the other tries the next."""
    for number in itertools.count(1):
        path = default if number == 1 else default.with_name(f"{default.name}-{number}")
        if _make(path):
            return path
    raise AssertionError("there is always a next number")


def _make(path: Path) -> bool:
    """Make a folder, on disk when this returns; False when something is there already."""
    try:
        path.mkdir(parents=True)
        sync_folder(path.parent)
    except FileExistsError:
        return False
    except OSError as error:
        raise InputError(f"--run {path}: cannot be made ({error.strerror or error})") from None
    except UnicodeEncodeError as error:
        raise InputError(
            f"--run {path}: the locale's encoding, {error.encoding}, lacks a letter of it; set LC_ALL=C.UTF-8"
        ) from None
    return True


def _remove_what_was_made(path: Path) -> None:
    """Only what this search has written; the lock's file last."""
    with contextlib.suppress(OSError):
        for entry in sorted(path.iterdir(), key=lambda entry: entry.name == LOCK):
            if entry.name.startswith(MADE_FIRST):
                entry.unlink()


def _remove_if_empty(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.rmdir()

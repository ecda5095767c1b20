"""Creates the folder of a new search. A search that starts at the same moment gets another folder, or is refused.

This module imports no torch, so a folder that is in use is refused early.
"""

import contextlib
import itertools
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from se_nas.errors import InputError
from se_nas.files import sync_folder
from se_nas.runs.lock import LOCK, locked
from se_nas.wording import printable

CONFIG = "config.yaml"
"""The file that makes a search resumable."""
LATENCY_TABLE = "latency_table.json"
"""The copy of the table that predicts latency."""
MADE_FIRST = (LOCK, "space.yaml", ".space.yaml.", ".config.yaml.", LATENCY_TABLE, f".{LATENCY_TABLE}.")
"""The first letters of the files that a search writes before `config.yaml`."""


@contextlib.contextmanager
def new_run_folder(wanted: Path | None, default: Path) -> Iterator[Path]:
    """Make a folder and lock it until the end of the body: `wanted`, which may exist if it is empty, or `default` with
    the first of "", "-2", "-3", ... that does not exist yet. InputError if that is not possible.

    A search that fails before its `config.yaml` is written leaves nothing behind.
    """
    with contextlib.ExitStack() as stack:
        path, is_new = (wanted, _make(wanted)) if wanted is not None else (_first_free(default), True)
        if is_new:
            stack.callback(_remove_if_empty, path)
        else:
            check_new(path)
        stack.enter_context(locked(path))
        check_new(path)  # another search may have started and ended here
        try:
            yield path
        except BaseException:
            if not (path / CONFIG).exists():
                _remove_what_was_made(path)
            raise


def check_new(path: Path) -> None:
    """Raise InputError if a new search may not be written to `path`: it is no folder, or is not empty.

    Files of a search that was killed before it wrote its `config.yaml` do not count.
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
    """Why the name of a run folder, or of a folder above it, cannot be used; None if it can."""
    kinds = {unicodedata.category(letter) for letter in str(path.absolute())}
    if "Cs" in kinds:  # Python's code for bytes that are not UTF-8
        return "its path is not UTF-8, which SQLite needs"
    return "its path has a line break or another control character" if "Cc" in kinds else None


def _first_free(default: Path) -> Path:
    """Make the first folder that does not exist. If two searches try a name, one gets it; the other tries the next."""
    for number in itertools.count(1):
        path = default if number == 1 else default.with_name(f"{default.name}-{number}")
        if _make(path):
            return path
    raise AssertionError("there is always a next number")


def _make(path: Path) -> bool:
    """Make a folder, which is on disk when this returns; False if the path exists already."""
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
    """Remove only files that this search has written; the lock file last."""
    with contextlib.suppress(OSError):
        for entry in sorted(path.iterdir(), key=lambda entry: entry.name == LOCK):
            if entry.name.startswith(MADE_FIRST):
                entry.unlink()


def _remove_if_empty(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.rmdir()

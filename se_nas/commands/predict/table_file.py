"""The CSV file of predictions: a row for each image, with its likeliest classes, or the error if it cannot be read."""

import contextlib
import csv
import fcntl
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from se_nas.errors import InputError, WriteError
from se_nas.files import put_in_place

FEWEST_CLASSES = 2
"""The classes that each row has at least: the second tells how sure the first is."""
FIRST_COLUMNS = "path,class,probability"

Write = Callable[[Path, Sequence[tuple[str, float]], str], None]
"""Writes the row of an image: its path, its ranked classes with their probabilities, and its error or ""."""


def check_table_file(path: Path) -> None:
    """Raise InputError if the file exists and holds something other than earlier predictions, or cannot be made."""
    if path.name in ("", "-"):
        raise InputError(f"--csv {path}: expected the name of a file; --json prints to the terminal")
    try:
        if not path.parent.is_dir():
            raise InputError(f"--csv {path}: there is no folder {path.parent}; make it first")
        if not os.path.lexists(path):
            return
        if not path.is_file():
            raise InputError(f"--csv {path}: expected a file, but this is not a file; name another")
        with path.open("rb") as file:
            beginning = file.read(len(FIRST_COLUMNS))
    except OSError as error:
        raise InputError(f"--csv {path}: cannot be read ({error.strerror or error})") from None
    if beginning not in (b"", FIRST_COLUMNS.encode()):
        raise InputError(f"--csv {path}: already there, and not a file of predictions; name another one")


@contextlib.contextmanager
def predictions_file(path: Path, *, classes: int) -> Iterator[Write]:
    """Write a row for each image. The file appears at the end, so that it is never incomplete.

    Each row has `classes` classes. WriteError if the file cannot be written. The file beside it that a killed process
    left is removed.
    """
    ranks = range(2, classes + 1)
    further = [name for rank in ranks for name in (f"class_{rank}", f"probability_{rank}")]
    beside = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    with contextlib.ExitStack() as stack:
        with _as_write_error(path):
            file = beside.open("x", encoding="utf-8", errors="backslashreplace", newline="")
            stack.callback(beside.unlink, missing_ok=True)
            stack.enter_context(file)
        with contextlib.suppress(OSError):  # some network file systems have no locks
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove_leftovers(path)
        writer = csv.writer(file, lineterminator="\n")

        def write(image: Path, ranked: Sequence[tuple[str, float]], error: str) -> None:
            cells = [cell for name, share in ranked[:classes] for cell in (name, f"{share:.6f}")]
            with _as_write_error(path):
                writer.writerow([image, *cells, *[""] * (2 * classes - len(cells)), error])

        writer.writerow([*FIRST_COLUMNS.split(","), *further, "error"])
        yield write
        with _as_write_error(path):
            file.flush()
            put_in_place(beside, path)


def _remove_leftovers(path: Path) -> None:
    """Remove the unfinished files that killed processes left. Files of processes that still run are locked."""
    unfinished = re.compile(re.escape(f".{path.name}.") + "[0-9a-f]{8}")
    for left in [each for each in path.parent.iterdir() if unfinished.fullmatch(each.name)]:
        with contextlib.suppress(OSError), left.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()


@contextlib.contextmanager
def _as_write_error(path: Path) -> Iterator[None]:
    """A context that turns an error of the disk into a WriteError with the name of the file."""
    try:
        yield
    except OSError as error:
        raise WriteError(f"{path}: cannot be written ({error.strerror or error})") from None

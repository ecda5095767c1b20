"""A new file that is claimed before its content is measured, which takes minutes."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from se_nas.errors import InputError, WriteError

PROBE_BYTES = 2**16
"""The bytes that are written and removed again at the start, which shows that the disk has room."""


@contextlib.contextmanager
def claimed(path: Path) -> Iterator[None]:
    """Make an empty file, which the caller replaces by its content. After an error it is removed again.

    InputError if the file exists; WriteError if it cannot be written.
    """
    try:
        with path.open("xb") as file:
            try:
                file.write(bytes(PROBE_BYTES))
                file.flush()
                os.fsync(file.fileno())
                file.truncate(0)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
    except FileExistsError:
        raise InputError(f"--out {path}: already there; name another file, or delete it") from None
    except OSError as error:
        raise WriteError(f"--out {path}: cannot be written ({error.strerror or error})") from None
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            if path.stat().st_size == 0:
                path.unlink()
        raise


def refuse_if_taken(path: Path) -> None:
    """Raise WriteError if another program wrote into a claimed file, which is then left as it is."""
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > 0:
            raise WriteError(f"--out {path}: another program wrote this file meanwhile, so the table is not written")

"""Who may write in a run folder: one driver at a time. Light: a second one is refused before torch is imported."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from se_nas.errors import InputError


@contextlib.contextmanager
def locked(run_dir: Path) -> Iterator[Path]:
    """Keep other drivers out, by the file that it gives; InputError when one is in. A dead process locks nothing."""
    path = run_dir / ".lock"
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(f"{run_dir}: another command is writing here; wait for it or use another folder") from None
    try:
        yield path
    finally:
        lock.release()


def check_unlocked(run_dir: Path) -> None:
    """InputError when another driver writes in the folder, if there is one."""
    if (run_dir / ".lock").is_file():
        with locked(run_dir):
            pass

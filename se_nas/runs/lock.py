"""The lock of a run folder: one driver at a time may write.

This module imports no torch, so a second driver is refused early.

The kernel holds the lock (flock) and releases it when the process dies. On NFS, Linux passes it on to the server, so
the lock holds between machines too.
"""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from se_nas.errors import InputError, WriteError
from se_nas.files import make_folder

LOCK, REPORT_LOCK = ".lock", ".report.lock"
TURN_SECONDS = 60
"""The longest time that a report waits for another report, whose process may be stopped."""
UNSUPPORTED = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


@contextlib.contextmanager
def locked(run_dir: Path) -> Iterator[Path]:
    """Keep other drivers out until the body has ended.

    InputError if another driver has the lock, or if the file system has no locks; WriteError if the file cannot be
    written.
    """
    from filelock import FileLock, Timeout  # slow to import, and `--help` needs no lock

    path = run_dir / LOCK
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(f"{run_dir}: another command is writing here; wait for it or use another folder") from None
    except NotImplementedError as error:  # filelock raises it for ENOSYS
        raise _without_locks(run_dir, str(error)) from None
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in UNSUPPORTED:
            raise _without_locks(run_dir, reason) from None
        raise WriteError(f"{path}: cannot be written ({reason})") from None
    try:
        yield path
    finally:
        lock.release()


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Make the folder and lock it; afterwards remove the lock, since users pass the folder on.

    InputError while another command writes there, WriteError if it cannot be made.
    """
    try:
        make_folder(folder)
    except OSError as error:
        raise WriteError(f"{folder}: cannot be written ({error.strerror or error})") from None
    with locked(folder) as lock:
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


@contextlib.contextmanager
def in_turn(run_dir: Path) -> Iterator[None]:
    """Wait until no other command writes the tables and the report.

    Otherwise an older state could replace a newer state. If no lock is available, do not wait: these files can be
    written again.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(run_dir / REPORT_LOCK, timeout=TURN_SECONDS)
    with contextlib.suppress(Timeout, NotImplementedError, OSError):
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def check_unlocked(run_dir: Path) -> None:
    """Raise InputError if another driver writes in the folder. A missing folder is no error."""
    if (run_dir / LOCK).is_file():
        with locked(run_dir):
            pass


def _without_locks(run_dir: Path, reason: str) -> InputError:
    return InputError(
        f"{run_dir}: its file system does not support locks ({reason}); without a lock two commands could write "
        "in one folder; use a folder on another file system"
    )

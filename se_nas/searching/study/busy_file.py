"""Waits while another program holds a lock on an SQLite file, so that the search does not end.

SQLite with a rollback journal allows one writer, and no writer while another program reads. Such a program may be a
notebook with an open transaction, a backup or a database browser. The write-ahead log would allow both. But it does not
work on network file systems, and its files beside the study would have to be copied too.
"""

import contextlib
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from se_nas.errors import WriteError
from se_nas.wording import format_duration, printable

T = TypeVar("T")

ATTEMPT_SECONDS = 1.0
"""The time that SQLite itself waits for a lock. Between two attempts, ctrl-C takes effect."""
TELL_AFTER_SECONDS = 5.0
PATIENCE_SECONDS = 300.0


def print_on_stderr(line: str) -> None:
    """Print the line on stderr, so that it does not mix with the command's output."""
    sys.stderr.write(f"{line}\n")


class BusyFile:
    """Repeats an action for up to `patience` seconds if it fails because `path` is locked.

    `print_line` gets a line for each wait of more than `print_after` seconds.
    """

    def __init__(
        self,
        path: Path,
        print_line: Callable[[str], None] = print_on_stderr,
        *,
        print_after: float = TELL_AFTER_SECONDS,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._path, self._print_line = path, print_line
        self._print_after, self._patience = print_after, patience

    def when_free(self, action: Callable[[], T]) -> T:
        """The result of `action`, which either succeeds or changes nothing. WriteError if the lock is held too long."""
        began, told = time.monotonic(), False
        while True:
            try:
                return action()
            except Exception as error:
                if not _is_locked(error):
                    raise
            waited = time.monotonic() - began
            if waited >= self._patience:
                held = f"{self._holder()} has locked the file for {format_duration(waited)}"
                raise WriteError(f"{self._path}: {held}; end that program")
            if waited >= self._print_after and not told:
                told = True
                self._print_line(
                    f"{self._path}: {self._holder()} has locked the file; waiting up to "
                    f"{format_duration(self._patience)}, and nothing is lost meanwhile"
                )
            time.sleep(min(0.1, self._patience))

    def _holder(self) -> str:
        names = [f"process {process} ({name})" for process, name in lock_holders(self._path)]
        return " and ".join(names) if names else "another program"


def _is_locked(error: BaseException) -> bool:
    """Whether the error, or a cause of it, is SQLite's "database is locked"."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, sqlite3.OperationalError):
            return getattr(seen, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
        seen = seen.__cause__ or seen.__context__
    return False


def lock_holders(path: Path) -> list[tuple[int, str]]:
    """The number and name of each other process on this machine that locks the file, if the system knows them."""
    return list(dict.fromkeys(_lock_holders(path)))


def _lock_holders(path: Path) -> Iterator[tuple[int, str]]:
    with contextlib.suppress(OSError, ValueError):  # only Linux has /proc/locks; a container may hide it
        inode = str(path.stat().st_ino)
        for line in Path("/proc/locks").read_text().splitlines():
            fields = line.replace("->", "").split()  # 1: POSIX ADVISORY READ 1234 fd:01:5678 0 EOF
            process = int(fields[4])
            if fields[5].split(":")[-1] == inode and process not in (os.getpid(), -1):
                with contextlib.suppress(OSError):
                    yield process, printable(Path(f"/proc/{process}/comm").read_text().strip())

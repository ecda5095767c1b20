"""Decoded images on disk: each is cut and resized once, and later commands read its pixels without decoding.

A store holds images of one size. Its data file is a sequence of rows of equal length, one for each image; its index, in
SQLite, has the row of each image by its digest. So data sets that share images share rows, a portion of a data set is
stored with the whole, and a store whose filling was interrupted is filled further.
"""

import contextlib
import errno
import os
import secrets
import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from se_nas.data.decoding import Decoding
from se_nas.data.stored_pixels import StoredPixels, row_bytes
from se_nas.errors import InputError

FORMATS = {Decoding.WHOLE: 1, Decoding.SCALED: 2}
"""The version of decoding, cutting and resizing. A store of another version is not read."""
SPARE_BYTES = 1 << 30
"""The free disk space that a store leaves to others."""
WAIT_SECONDS = 600
"""The time for which a process waits while others write to the same store."""

NEXT_ROW = "SELECT coalesce(max(row) + 1, 0) FROM images"


class StoreFullError(RuntimeError):
    """The disk has no space for more images, or the folder cannot be written."""


def usual_folder() -> Path:
    """The folder of the stores unless the user names another one."""
    return user_cache_path("se-nas") / "decoded-images"


class DecodedStore:
    """The decoded images of `image_size` px in a folder. Several processes may fill it at the same time.

    A store in a folder that cannot be written is only read. `refusal` is the reason why images cannot be added. It is
    None as long as nothing has failed.
    """

    def __init__(self, folder: Path, image_size: int, decoding: Decoding = Decoding.SCALED) -> None:
        """Open the store, or begin it. InputError if the folder cannot be written and has no store of this size."""
        self.folder, self.image_size = folder, image_size
        self.refusal: str | None = None
        self._path = folder / f"index-{image_size}px-{FORMATS[decoding]}.db"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with self._index() as index:
                index.execute("BEGIN IMMEDIATE")
                index.execute("CREATE TABLE IF NOT EXISTS images (digest TEXT PRIMARY KEY, row INTEGER NOT NULL)")
                index.execute("CREATE TABLE IF NOT EXISTS file (name TEXT NOT NULL)")
                self._file = folder / self._name(index)
                self._begin_again_if_damaged(index)
                index.execute("COMMIT")
            self.is_read_only = not all(os.access(path, os.W_OK) for path in (folder, self._path, self._file))
            if self.is_read_only:
                self.refusal = f"{folder} cannot be written"
        except (OSError, sqlite3.Error) as error:
            reason = self._reason(error)
            if not self._can_be_read():
                raise InputError(
                    f"--cache {folder}: decoded images cannot be kept there ({reason}){_cure(error)}"
                ) from None
            self.is_read_only, self.refusal = True, f"{folder} cannot be written ({reason})"

    @property
    def nbytes(self) -> int:
        """The size of the data file in bytes."""
        return self._file.stat().st_size

    def has_space_for(self, more_bytes: int) -> bool:
        """Whether the disk has space for this number of additional bytes."""
        return shutil.disk_usage(self.folder).free - SPARE_BYTES >= more_bytes

    def rows(self, digests: Sequence[str]) -> NDArray[np.int64]:
        """The row of each image; -1 for an image that is not stored. InputError if the index is damaged."""
        try:
            with self._index() as index:
                return _rows(index, digests)
        except sqlite3.Error as error:
            raise InputError(
                f"--cache {self.folder}: decoded images cannot be read there ({error}){_cure(error)}"
            ) from None

    def add(self, images: Mapping[str, NDArray[np.uint8]]) -> None:
        """Store images (S, S, 3) by their digests. StoreFullError if that is impossible; nothing is stored then.

        The pixels are on the disk before the index names their rows, so a crash leaves no row without pixels.
        """
        try:
            with self._index() as index:  # the transaction ends with the connection
                index.execute("BEGIN IMMEDIATE")  # no other process chooses rows until the end
                new = [digest for digest, row in zip(images, _rows(index, [*images]), strict=True) if row < 0]
                if not self.has_space_for(len(new) * row_bytes(self.image_size)):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                first = index.execute(NEXT_ROW).fetchone()[0]
                self._write(first, [images[digest] for digest in new])
                index.executemany("INSERT INTO images VALUES (?, ?)", [(each, first + i) for i, each in enumerate(new)])
                index.execute("COMMIT")
        except (OSError, sqlite3.Error) as error:
            reason = self._reason(error)
            self.refusal = (
                f"no space in {self.folder}" if _is_full(error) else f"{self.folder} cannot be written ({reason})"
            )
            raise StoreFullError(reason) from None

    def pixels(self, rows: NDArray[np.int64]) -> StoredPixels:
        """The pixels in these rows, to read in any process."""
        return StoredPixels(file=str(self._file), image_size=self.image_size, rows=rows)

    def _name(self, index: sqlite3.Connection) -> str:
        """The name of the data file. A store that was deleted and begun again has another one, so that a process with
        rows of the deleted store finds no file instead of other images."""
        if known := _known_name(index):
            return known
        name = f"pixels-{self.image_size}px-{secrets.token_hex(4)}.bin"
        (self.folder / name).open("xb").close()
        index.execute("INSERT INTO file VALUES (?)", (name,))
        return name

    def _reason(self, error: OSError | sqlite3.Error) -> str:
        """Text that says why the store cannot be written. SQLite does not say why it cannot open a file or write
        to it."""
        if _sqlite_code(error) in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            try:
                self._path.open("ab").close()
            except OSError as real:
                error = real
        return getattr(error, "strerror", None) or str(error)

    def _can_be_read(self) -> bool:
        """Whether the folder has an undamaged store, whose data file is then known."""
        try:
            with self._index() as index:
                self._file = self.folder / (_known_name(index) or "")
                return self._is_undamaged(index)
        except (OSError, sqlite3.Error):
            return False

    def _begin_again_if_damaged(self, index: sqlite3.Connection) -> None:
        """Forget all rows if the data file is missing or shorter than the index says, as after a clean-up of caches."""
        if not self._is_undamaged(index):
            index.execute("DELETE FROM images")
            index.execute("DELETE FROM file")
            self._file = self.folder / self._name(index)

    def _is_undamaged(self, index: sqlite3.Connection) -> bool:
        """Whether the data file has all rows of the index."""
        rows = index.execute(NEXT_ROW).fetchone()[0]
        return self._file.is_file() and self._file.stat().st_size >= rows * row_bytes(self.image_size)

    def _write(self, first: int, images: Sequence[NDArray[np.uint8]]) -> None:
        content = b"".join(np.ascontiguousarray(image).tobytes() for image in images)
        start = first * row_bytes(self.image_size)
        with self._file.open("r+b", buffering=0) as file:
            try:
                file.seek(start)
                written = 0
                while written < len(content):
                    written += file.write(content[written:]) or 0
                os.fsync(file.fileno())
            except OSError:
                file.truncate(start)  # gives the space back
                raise

    def _index(self) -> contextlib.closing[sqlite3.Connection]:
        return contextlib.closing(sqlite3.connect(self._path, timeout=WAIT_SECONDS, isolation_level=None))


def _is_full(error: OSError | sqlite3.Error) -> bool:
    """Whether an error says that the disk, or this user's part of it, is full."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return _sqlite_code(error) == sqlite3.SQLITE_FULL


def _cure(error: OSError | sqlite3.Error) -> str:
    """The end of a line about an error: what to do if the index is damaged, rather than locked or not permitted to this
    user; else nothing."""
    is_damage = _sqlite_code(error) in (
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_ERROR,  # another table of this name
    )
    return "; delete the folder, which is damaged" if is_damage else ""


def _sqlite_code(error: OSError | sqlite3.Error) -> int | None:
    """The kind of an error of SQLite, which is the low byte of its code; None for another error.

    The other bytes have details, such as SQLITE_READONLY_DIRECTORY (https://sqlite.org/rescode.html).
    """
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else int(code) & 0xFF


def _known_name(index: sqlite3.Connection) -> str | None:
    """The name of the data file; None in a store that was not begun."""
    known = index.execute("SELECT name FROM file").fetchone()
    return None if known is None else str(known[0])


def _rows(index: sqlite3.Connection, digests: Sequence[str]) -> NDArray[np.int64]:
    rows = (index.execute("SELECT row FROM images WHERE digest = ?", (digest,)).fetchone() for digest in digests)
    return np.array([-1 if row is None else row[0] for row in rows], np.int64)

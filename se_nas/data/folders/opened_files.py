"""Opens every image file once before a training, on all processors, and stores the facts about it.

A file is not opened again as long as its size in bytes and its modification time stay the same. The facts are stored in
the user's cache folder, in an SQLite file that may be deleted at any time.
"""

import contextlib
import json
import os
import sqlite3
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from platformdirs import user_cache_path

from se_nas.data.decoding import Decoding
from se_nas.data.folders.decoded_store import DecodedStore, StoreFullError
from se_nas.data.folders.image_file import ImageFacts, look_at_image, open_image
from se_nas.data.pixels import PixelKind, PixelRange
from se_nas.errors import InputError, WriteError
from se_nas.files import write_atomically
from se_nas.wording import printable

AHEAD = 64
"""The number of files for each processor that are opened ahead."""
CHUNK = 512
"""The number of files after which facts and pixels are stored."""
FORMAT = 3
"""The version of the file of facts. Other versions are not read."""
TABLES = {Decoding.WHOLE: "opened", Decoding.SCALED: "opened_scaled"}
"""The table of facts about files that were decoded in each way."""

Count = Callable[[int], None]
"""A function that is called now and then with the number of opened files."""
OnOpened = Callable[[int, int], None]
"""A function that is called now and then with the number of opened files and the total."""
T = TypeVar("T")
Stamp = tuple[int, int]
"""Size in bytes, and modification time in nanoseconds."""


@dataclass(frozen=True, slots=True)
class BadFile:
    """A file that cannot be read as an image, and the message that says why."""

    path: str
    reason: str


def look_at_files(
    files: Sequence[str],
    *,
    processors: int,
    decoding: Decoding = Decoding.SCALED,
    store: DecodedStore | None = None,
    on_opened: Count | None = None,
) -> list[ImageFacts | BadFile]:
    """The facts about each file. A file that has not changed since it was opened is not opened again.

    The pixels of all files are added to `store` as long as the disk has space; for that, files are opened again. Pixels
    that do not have 8 bits are not added, because their scale is known only after the last file.
    """
    stamps = {path: stamp for path in files if (stamp := _stamp(path))}
    known = _remembered(stamps, decoding)
    found: dict[str, ImageFacts | BadFile] = {**known}
    new = [path for path in files if path not in known]
    if store is not None:
        rows = store.rows([facts.digest for facts in known.values()])
        not_stored = [path for (path, facts), row in zip(known.items(), rows, strict=True) if row < 0]
        new += [path for path in not_stored if known[path].has_eight_bits]
    is_full = store is not None and store.is_read_only
    for start in range(0, len(new), CHUNK):
        some = new[start : start + CHUNK]
        if is_full:  # known files were only to be stored
            some = [path for path in some if path not in known]

        def count(done: int, before: int = start) -> None:
            if on_opened:
                on_opened(before + done)

        pixels = {}
        read = (
            partial(_only_look, decoding=decoding)
            if store is None
            else partial(open_image, size=store.image_size, decoding=decoding)
        )
        for path, each in zip(some, each_of(some, read, processors=processors, on_opened=count), strict=True):
            if isinstance(each, BadFile):
                found[path] = each
                continue
            found[path], image = each
            if image is not None:
                pixels[each[0].digest] = image
        _remember({path: (stamps[path], found[path]) for path in some if path in stamps}, decoding)
        if store is not None and pixels:
            try:
                store.add(pixels)
            except StoreFullError:
                store, is_full = None, True
    return [found[path] for path in files]


def _only_look(path: Path, decoding: Decoding) -> tuple[ImageFacts, None]:
    return look_at_image(path, decoding), None


def each_of(
    files: Sequence[str], read: Callable[[Path], T], *, processors: int, on_opened: Count | None = None
) -> Iterator[T | BadFile]:
    """Call `read` for each file and yield the results in order. Threads suffice: decoders release Python's lock."""

    def attempt(path: str) -> T | BadFile:
        try:
            return read(Path(path))
        except InputError as error:
            return BadFile(path, str(error))

    pool = ThreadPoolExecutor(processors, thread_name_prefix="open-images")
    try:
        with warnings.catch_warnings(action="ignore"):  # Pillow's warnings about odd metadata
            for start in range(0, len(files), AHEAD * processors):
                some = files[start : start + AHEAD * processors]
                yield from pool.map(attempt, some)
                if on_opened:
                    on_opened(start + len(some))
    finally:
        pool.shutdown(cancel_futures=True)


def list_bad_files(bad: Sequence[BadFile]) -> str:
    """Write all bad files into a list in the cache folder; return a text that says where it is."""
    path = cache_file().with_name("unreadable-images.txt")
    try:
        write_atomically(path, "".join(f"{printable(each.reason)}\n" for each in bad))
    except WriteError:
        return ", ..."
    return f", ...; all are listed in {path}"


def cache_file() -> Path:
    """The SQLite file of facts about opened files."""
    return user_cache_path("se-nas") / f"opened-images-{FORMAT}.db"


def _stamp(path: str) -> Stamp | None:
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _remembered(stamps: Mapping[str, Stamp], decoding: Decoding) -> dict[str, ImageFacts]:
    """The known facts about files that have not changed; empty if the file of facts cannot be read."""
    known = {}
    with contextlib.suppress(sqlite3.Error, OSError, ValueError, KeyError, TypeError), _database() as database:
        for path, stamp in stamps.items():
            row = database.execute(
                f"SELECT size, time, facts FROM {TABLES[decoding]} WHERE path = ?",
                (os.fsencode(path),),
            ).fetchone()
            if row is not None and row[:2] == stamp:
                known[path] = _facts_from(json.loads(row[2]))
    return known


def _remember(found: Mapping[str, tuple[Stamp, ImageFacts | BadFile]], decoding: Decoding) -> None:
    """Store the facts about good files. A file that cannot be read is opened again next time."""
    rows = [
        (os.fsencode(path), *stamp, json.dumps(_as_list(facts)))
        for path, (stamp, facts) in found.items()
        if isinstance(facts, ImageFacts)
    ]
    with contextlib.suppress(sqlite3.Error, OSError), _database() as database, database:
        database.executemany(f"INSERT OR REPLACE INTO {TABLES[decoding]} VALUES (?, ?, ?, ?)", rows)


def _database() -> contextlib.closing[sqlite3.Connection]:
    """Open the file of facts. It only saves time: if it fails, images are opened again."""
    cache_file().parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(cache_file(), timeout=10)
    for table in TABLES.values():
        database.execute(
            f"CREATE TABLE IF NOT EXISTS {table} (path BLOB PRIMARY KEY, size INTEGER, time INTEGER, facts TEXT)"
        )
    return contextlib.closing(database)


def _as_list(facts: ImageFacts) -> list[object]:
    pixels = facts.range
    return [
        pixels.kind.name,
        pixels.lowest,
        pixels.highest,
        pixels.whole,
        facts.transparent,
        facts.frames,
        facts.digest,
        list(facts.size),
        facts.orientation,
    ]


def _facts_from(row: list[Any]) -> ImageFacts:
    kind, lowest, highest, whole, transparent, frames, digest, (width, height), orientation = row
    pixels = PixelRange(kind=PixelKind[kind], lowest=float(lowest), highest=float(highest), whole=bool(whole))
    size = (int(width), int(height))
    return ImageFacts(pixels, bool(transparent), int(frames), str(digest), size, int(orientation))

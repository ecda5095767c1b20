"""Images that do not fit in memory are decoded once, and read from the store afterwards."""

import contextlib
import errno
import multiprocessing
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from se_nas.data.decoding import Decoding
from se_nas.data.folders import decoded_store, image_file, opened_files
from se_nas.data.folders.decoded_store import DecodedStore, StoreFullError
from se_nas.data.image_data import ImageData, ImageFiles, ImageSet, Part
from se_nas.data.portion import ALL, Portion
from se_nas.data.sources import load_data
from se_nas.errors import InputError

COUNT = 24


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with two classes of 12 photographs of different shapes each."""
    rng = np.random.default_rng(0)
    for label, name in enumerate(("cat", "dog")):
        (tmp_path / "set" / name).mkdir(parents=True)
        for number in range(COUNT // 2):
            pixels = rng.integers(0, 256, (10 + number, 22 - number + label, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "set" / name / f"{number:02d}.png")
    return tmp_path / "set"


@pytest.fixture(autouse=True)
def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave no memory for images."""
    monkeypatch.setattr("se_nas.data.sources.memory_bytes", lambda: 0)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The list of all files that are decoded from now on."""
    files: list[str] = []
    opened = image_file._opened

    def noted(file: Path) -> Any:
        files.append(file.name)
        return opened(file)

    monkeypatch.setattr(image_file, "_opened", noted)
    return files


def load(folder: Path, portion: Portion = ALL) -> ImageData:
    return load_data(f"imagefolder:{folder}", image_size=8, portion=portion, cache=folder.parent / "cache")


def pixels(part: Part) -> NDArray[np.uint8]:
    assert isinstance(part, ImageFiles)
    return part.loaded(range(len(part))).images


def read_from_files(part: Part) -> NDArray[np.uint8]:
    assert isinstance(part, ImageFiles)
    return np.stack([part.read(Path(file), part.image_size) for file in part.files])


def all_parts(data: ImageData) -> list[Part]:
    return [data.train, data.validation, data.test]


def test_stored_images_are_those_of_the_files(pictures: Path) -> None:
    for part in all_parts(load(pictures)):
        assert (pixels(part) == read_from_files(part)).all()


def test_each_file_is_decoded_once_and_never_again(pictures: Path, decoded: list[str]) -> None:
    first = load(pictures)
    again = load(pictures)
    assert (pixels(again.train) == pixels(first.train)).all()
    assert len(decoded) == COUNT
    assert again.fingerprint() == first.fingerprint()


def test_a_portion_is_stored_with_the_whole(pictures: Path, decoded: list[str]) -> None:
    some = load(pictures, Portion(fraction=0.5))
    assert len(decoded) == sum(map(len, all_parts(some))) < COUNT
    load(pictures)
    assert len(decoded) == COUNT


def test_a_store_whose_filling_was_interrupted_is_filled_further(
    pictures: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened_files, "CHUNK", 4)
    add, calls = DecodedStore.add, []

    def interrupted(self: DecodedStore, images: Any) -> None:
        add(self, images)
        calls.append(len(images))
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(DecodedStore, "add", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load(pictures)
    assert len(decoded) == sum(calls) == 8
    data = load(pictures)
    assert len(decoded) == COUNT
    assert (pixels(data.train) == read_from_files(data.train)).all()


def test_a_disk_that_fills_up_costs_time_but_no_image(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opened_files, "CHUNK", 4)
    write, calls = DecodedStore._write, []

    def full(self: DecodedStore, first: int, images: Any) -> None:
        calls.append(first)
        if len(calls) > 2:
            raise OSError(28, "No space left on device")
        write(self, first, images)

    monkeypatch.setattr(DecodedStore, "_write", full)
    data = load(pictures)
    for part in all_parts(data):
        assert (pixels(part) == read_from_files(part)).all()
    (line,) = [note for note in data.notes if "decoded again" in note]
    missing = sum(part.stored.missing for part in all_parts(data))  # type: ignore[union-attr]
    assert line.startswith(f"{missing} of {COUNT} images are decoded again in each epoch: no space in ")
    assert missing > 0


def test_a_disk_without_space_is_named_before_anything_is_decoded(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoded_store, "SPARE_BYTES", 1 << 60)
    data = load(pictures)
    assert data.train.stored is None  # type: ignore[union-attr]
    assert "images are decoded again in each epoch; --cache DIR names another folder" in " ".join(data.notes)


def test_a_full_disk_does_not_hide_what_is_stored(
    pictures: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load(pictures)
    decoded.clear()
    monkeypatch.setattr(decoded_store, "SPARE_BYTES", 1 << 60)

    data = load(pictures)

    assert [part.stored.missing for part in all_parts(data)] == [0, 0, 0]  # type: ignore[union-attr]
    assert decoded == []
    assert "decoded again" not in " ".join(data.notes)


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that makes every store read-only, as a read-only folder does for users other than root."""

    def make() -> None:
        def opened(self: DecodedStore) -> Any:
            return contextlib.closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, isolation_level=None))

        monkeypatch.setattr(DecodedStore, "_index", opened)
        monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)

    return make


@pytest.mark.parametrize("in_memory", [False, True])
def test_a_filled_store_in_a_read_only_folder_is_read(
    pictures: Path, decoded: list[str], read_only: Any, monkeypatch: pytest.MonkeyPatch, in_memory: bool
) -> None:
    before = {name: pixels(part) for name, part in zip("abc", all_parts(load(pictures)), strict=True)}
    decoded.clear()
    read_only()
    monkeypatch.setattr("se_nas.data.sources.memory_bytes", lambda: (1 << 30) * in_memory)

    data = load(pictures)

    for part, known in zip(all_parts(data), before.values(), strict=True):
        assert ((part.images if isinstance(part, ImageSet) else pixels(part)) == known).all()
    assert decoded == []
    assert "decoded again" not in " ".join(data.notes)


def test_images_that_a_read_only_folder_lacks_are_decoded_and_counted(pictures: Path, read_only: Any) -> None:
    load(pictures, Portion(fraction=0.5))
    read_only()

    data = load(pictures)

    missing = sum(part.stored.missing for part in all_parts(data))  # type: ignore[union-attr]
    assert 0 < missing < COUNT
    line = f"{missing} of {COUNT} images are decoded again in each epoch: {pictures.parent / 'cache'} cannot be written"
    assert any(note.startswith(line) for note in data.notes)
    for part in all_parts(data):
        assert (pixels(part) == read_from_files(part)).all()


def test_a_read_only_folder_without_images_of_this_size_is_named(pictures: Path, read_only: Any) -> None:
    load(pictures)
    read_only()
    with pytest.raises(InputError, match=r"--cache .*/cache: decoded images cannot be kept there"):
        load_data(f"imagefolder:{pictures}", image_size=16, cache=pictures.parent / "cache")


def test_images_of_a_deleted_store_are_read_from_their_files(pictures: Path) -> None:
    data = load(pictures)
    expected = read_from_files(data.test)
    shutil.rmtree(pictures.parent / "cache")
    assert (pixels(data.test) == expected).all()


def test_a_store_that_was_begun_again_gives_no_image_to_the_owner_of_earlier_rows(pictures: Path) -> None:
    data = load(pictures)
    expected = read_from_files(data.test)
    shutil.rmtree(pictures.parent / "cache")
    store = DecodedStore(pictures.parent / "cache", 8)
    store.add({f"other {number}": np.zeros((8, 8, 3), np.uint8) for number in range(COUNT)})
    assert (pixels(data.test) == expected).all()


def test_an_image_that_has_changed_is_decoded_again(pictures: Path, decoded: list[str]) -> None:
    load(pictures)
    Image.new("RGB", (30, 30), "red").save(pictures / "cat" / "03.png")
    data = load(pictures)
    assert decoded[COUNT:] == ["03.png"]
    whole = np.concatenate([pixels(part) for part in all_parts(data)])
    assert (whole == [255, 0, 0]).all(axis=(1, 2, 3)).sum() == 1


def test_images_of_more_than_8_bits_are_stored_by_the_scale_of_their_data_set(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for folder, white in (("dark", 1000), ("light", 60_000)):
        for name in ("a", "b"):
            (tmp_path / folder / name).mkdir(parents=True)
            for number in range(12):
                values = rng.integers(0, 1000, (9, 9)).astype(np.uint16)
                values[0, 0] = white
                Image.fromarray(values).save(tmp_path / folder / name / f"{number}.png")
        if folder == "light":
            shutil.copy(tmp_path / "dark" / "a" / "1.png", tmp_path / "light" / "a" / "shared.png")
        for part in all_parts(load(tmp_path / folder)):
            assert (pixels(part) == read_from_files(part)).all()


def test_with_a_cache_images_that_fit_in_memory_are_decoded_once_too(
    pictures: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_disk = load(pictures)
    decoded.clear()
    monkeypatch.setattr("se_nas.data.sources.memory_bytes", lambda: 1 << 30)
    with_cache = load(pictures)
    assert decoded == []
    without = load_data(f"imagefolder:{pictures}", image_size=8)
    assert len(decoded) == COUNT

    for part, expected, stored in zip(all_parts(with_cache), all_parts(without), all_parts(on_disk), strict=True):
        assert isinstance(part, ImageSet)
        assert isinstance(expected, ImageSet)
        assert (part.images == expected.images).all()
        assert (part.images == pixels(stored)).all()
    assert with_cache.fingerprint() == without.fingerprint() == on_disk.fingerprint()
    assert "also kept in the folder of --cache: 0.0 MB; delete that folder to free the disk" in with_cache.notes[-1]


def test_with_a_full_disk_images_that_fit_in_memory_are_decoded_by_each_command(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("se_nas.data.sources.memory_bytes", lambda: 1 << 30)
    monkeypatch.setattr(decoded_store, "SPARE_BYTES", 1 << 60)
    data = load(pictures)
    assert isinstance(data.train, ImageSet)
    assert "images are decoded again by each command" in " ".join(data.notes)


def test_stores_of_two_sizes_lie_side_by_side(pictures: Path) -> None:
    small = load(pictures)
    large = load_data(f"imagefolder:{pictures}", image_size=16, cache=pictures.parent / "cache")
    assert pixels(small.train).shape[1:] == (8, 8, 3)
    assert (pixels(large.train) == read_from_files(large.train)).all()


def test_a_folder_that_cannot_be_a_cache_is_named(pictures: Path) -> None:
    (pictures.parent / "file").touch()
    with pytest.raises(InputError, match=r"--cache .*/file: decoded images cannot be kept there \(File exists\)$"):
        load_data(f"imagefolder:{pictures}", image_size=8, cache=pictures.parent / "file")


def test_the_reason_is_named_when_the_index_cannot_be_opened(pictures: Path) -> None:
    """SQLite itself only says that it was unable to open the file."""
    index = pictures.parent / "cache" / "index-8px-2.db"
    index.mkdir(parents=True)
    with pytest.raises(InputError, match=r"decoded images cannot be kept there \(Is a directory\)$"):
        load(pictures)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "no space in {}"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "no space in {}"),
        (OSError(errno.EIO, "Input/output error"), "{} cannot be written (Input/output error)"),
        (sqlite3.OperationalError("database is locked"), "{} cannot be written (database is locked)"),
    ],
)
def test_the_reason_is_named_when_images_cannot_be_added(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    def fails(self: DecodedStore, first: int, images: Any) -> None:
        raise error

    monkeypatch.setattr(DecodedStore, "_write", fails)
    data = load(pictures)

    line = f"{COUNT} of {COUNT} images are decoded again in each epoch: {reason.format(pictures.parent / 'cache')}"
    assert line in data.notes


@pytest.mark.parametrize(
    ("code", "end"),
    [
        (sqlite3.SQLITE_CORRUPT_INDEX, "(made up); delete the folder, which is damaged"),
        (sqlite3.SQLITE_CANTOPEN_ISDIR, "(Is a directory)"),
        (sqlite3.SQLITE_BUSY_RECOVERY, "(made up)"),
    ],
)
def test_a_detailed_code_of_sqlite_means_what_its_kind_means(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, code: int, end: str
) -> None:
    error = sqlite3.OperationalError("made up")
    error.sqlite_errorcode = code

    def fails(self: DecodedStore) -> Any:
        raise error

    monkeypatch.setattr(DecodedStore, "_index", fails)
    (pictures.parent / "cache" / "index-8px-2.db").mkdir(parents=True)
    with pytest.raises(InputError) as refusal:
        load(pictures)

    assert str(refusal.value).endswith(f"decoded images cannot be kept there {end}")


def test_a_folder_that_is_deleted_while_it_is_filled_is_named(tmp_path: Path) -> None:
    store = DecodedStore(tmp_path / "cache", 8)
    shutil.rmtree(tmp_path / "cache")
    with pytest.raises(StoreFullError):
        store.add({"digest": np.zeros((8, 8, 3), np.uint8)})

    assert store.refusal == f"{tmp_path}/cache cannot be written (No such file or directory)"


def test_a_damaged_page_of_the_index_is_one_line(pictures: Path) -> None:
    load(pictures)
    (index,) = (pictures.parent / "cache").glob("*.db")
    content = bytearray(index.read_bytes())
    with contextlib.closing(sqlite3.connect(index)) as opened:
        size = opened.execute("PRAGMA page_size").fetchone()[0]
        (page,) = opened.execute("SELECT rootpage FROM sqlite_master WHERE name LIKE 'sqlite_autoindex%'").fetchone()
    content[(page - 1) * size : page * size] = b"\xff" * size  # the lookup by digest
    index.write_bytes(content)

    with pytest.raises(InputError, match=r"--cache .* \(.*malformed.*\); delete the folder, which is damaged"):
        load(pictures)


def test_images_in_memory_of_an_earlier_search_need_no_folder(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Earlier versions did not use the folder of `--cache` then."""
    monkeypatch.setattr("se_nas.data.sources.memory_bytes", lambda: 1 << 30)
    (cache := pictures.parent / "file").touch()
    source = f"imagefolder:{pictures}"

    earlier = load_data(source, image_size=8, cache=cache, decoding=Decoding.WHOLE)

    assert isinstance(earlier.train, ImageSet)
    assert "decoded images cannot be kept there" in " ".join(earlier.notes)
    with pytest.raises(InputError, match="decoded images cannot be kept there"):
        load_data(source, image_size=8, cache=cache)


def test_without_a_usual_folder_images_are_read_from_their_files(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/x")
    data = load_data(f"imagefolder:{pictures}", image_size=8)
    assert data.train.stored is None  # type: ignore[union-attr]
    assert "decoded images cannot be kept there" in " ".join(data.notes)


@pytest.mark.parametrize("damage", [b"", b"no pixels"])
def test_a_damaged_store_gives_no_wrong_image(pictures: Path, damage: bytes) -> None:
    data = load(pictures)
    (file,) = (pictures.parent / "cache").glob("*.bin")
    file.write_bytes(damage)
    assert (pixels(data.test) == read_from_files(data.test)).all()
    again = load(pictures)  # begins a new data file
    assert again.test.stored.missing == 0  # type: ignore[union-attr]
    assert len(list((pictures.parent / "cache").glob("*.bin"))) == 2
    assert (pixels(again.test) == read_from_files(again.test)).all()
    (index,) = (pictures.parent / "cache").glob("*.db")
    index.write_bytes(b"no index" * 500)
    with pytest.raises(InputError, match=r"\(file is not a database\); delete the folder, which is damaged"):
        load(pictures)


def fill(folder: Path, first: int, start: Any) -> None:
    """Store 40 images, of which the other process stores half too."""
    store = DecodedStore(folder, 4)
    start.wait()
    for number in range(first, first + 40):
        store.add({f"image {number}": np.full((4, 4, 3), number, np.uint8)})


def test_two_processes_may_fill_a_store_at_the_same_time(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(2)
    processes = [context.Process(target=fill, args=(tmp_path, first, start)) for first in (0, 20)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(600)
        assert process.exitcode == 0
    store = DecodedStore(tmp_path, 4)
    rows = store.rows([f"image {number}" for number in range(60)])
    assert sorted(rows) == list(range(60))
    images = np.empty((60, 4, 4, 3), np.uint8)
    assert store.pixels(rows).read(range(60), images) == []
    assert (images == np.arange(60)[:, None, None, None]).all()


def test_a_store_that_is_full_keeps_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    store = DecodedStore(tmp_path, 4)
    store.add({"first": np.ones((4, 4, 3), np.uint8)})
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StoreFullError, match="No space left"):
            store.add({"second": np.zeros((4, 4, 3), np.uint8)})
    store.add({"third": np.full((4, 4, 3), 3, np.uint8)})
    rows = store.rows(["first", "second", "third"])
    assert rows.tolist() == [0, -1, 1]
    images = np.empty((3, 4, 4, 3), np.uint8)
    assert store.pixels(rows).read(range(3), images) == [1]
    assert (images[[0, 2]] == np.array([1, 3])[:, None, None, None]).all()

"""Every file is opened once before a training, and the facts about it are stored."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from se_nas.data.folders import image_file, opened_files
from se_nas.data.image_data import ImageData, ImageFiles
from se_nas.data.sources import load_data
from se_nas.errors import InputError


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with two classes of 20 images each."""
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for number in range(20):
            Image.fromarray(rng.integers(0, 256, (8, 8, 3)).astype(np.uint8)).save(
                tmp_path / "set" / name / f"{number:02d}.png"
            )
    return tmp_path / "set"


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave no memory for images."""
    monkeypatch.setattr("se_nas.data.sources.memory_bytes", lambda: 0)


def load(folder: Path, *, skip_bad: bool = False) -> ImageData:
    return load_data(f"imagefolder:{folder}", image_size=8, skip_bad=skip_bad)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-30])


def names(data: ImageData) -> set[str]:
    files = [part.files for part in (data.train, data.validation, data.test) if isinstance(part, ImageFiles)]
    return {file for part in files for file in part}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A list of the files that are opened from here on."""
    seen: list[str] = []
    open_file = image_file._opened

    def noted(file: Path) -> Any:
        seen.append(str(file))
        return open_file(file)

    monkeypatch.setattr(image_file, "_opened", noted)
    return seen


@pytest.mark.usefixtures("on_disk")
def test_a_file_is_opened_again_only_after_it_has_changed(pictures: Path, opened: list[str]) -> None:
    load(pictures)
    assert len(opened) == len(set(opened)) == 40
    opened.clear()

    load(pictures)
    assert opened == []

    changed, touched = pictures / "cat/03.png", pictures / "dog/07.png"
    Image.new("RGB", (9, 9), (1, 2, 3)).save(changed)
    os.utime(touched, (1, 1))
    load(pictures)
    assert sorted(opened) == [str(changed), str(touched)]


@pytest.mark.usefixtures("on_disk")
@pytest.mark.parametrize("damage", [b"", b"no database" * 500])
def test_with_a_damaged_cache_files_are_opened_again(pictures: Path, opened: list[str], damage: bytes) -> None:
    load(pictures)
    opened_files.cache_file().write_bytes(damage)

    assert len(names(load(pictures))) == 40
    assert len(opened) == 80


@pytest.mark.usefixtures("on_disk")
def test_with_a_cache_that_cannot_be_written_files_are_opened_again(
    pictures: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened_files, "cache_file", lambda: Path("/dev/null/x/opened.db"))

    for _ in range(2):
        assert len(names(load(pictures))) == 40
    assert len(opened) == 80


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut": cut,
    "empty": lambda file: file.write_bytes(b""),
    "text": lambda file: file.write_text("no image"),
    "a dangling link": lambda file: (file.unlink(), file.symlink_to("nowhere")),
    "a pipe": lambda file: (file.unlink(), os.mkfifo(file)),
    "not a number": lambda file: Image.fromarray(np.full((8, 8), np.nan, np.float32)).save(file, format="TIFF"),
}


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_bad_file_is_refused_before_training_or_left_out_on_request(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, damage: str, in_memory: bool
) -> None:
    if not in_memory:
        monkeypatch.setattr("se_nas.data.sources.memory_bytes", lambda: 0)
    bad = pictures / "dog/07.png"
    DAMAGES[damage](bad)

    with pytest.raises(InputError) as refusal:
        load(pictures)
    data = load(pictures, skip_bad=True)

    assert str(refusal.value).startswith(f"{bad}: cannot be read as an image (")
    assert str(refusal.value).endswith("or leave it out with --skip-bad-images")
    assert sum(map(len, (data.train, data.validation, data.test))) == 39
    assert [(each.reason, each.count, each.examples) for each in data.left_out] == [
        ("files that cannot be read as images", 1, ("dog/07.png",))
    ]


def test_the_error_counts_bad_files_and_a_list_has_them_all(pictures: Path) -> None:
    bad = [pictures / "cat" / f"{number:02d}.png" for number in range(9)]
    for file in bad:
        cut(file)

    with pytest.raises(InputError) as refusal:
        load(pictures)

    line = str(refusal.value)
    assert "; neither can 8 other files: " in line
    assert "\n" not in line
    listed = Path(line.partition("all are listed in ")[2].partition(";")[0])
    assert sorted(row.partition(": ")[0] for row in listed.read_text().splitlines()) == sorted(map(str, bad))


def test_other_images_stay_in_their_part_if_a_bad_image_is_left_out(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("se_nas.data.sources.memory_bytes", lambda: 0)
    before = load(pictures)
    cut(pictures / "dog/07.png")
    after = load(pictures, skip_bad=True)

    for one, other in ((before.train, after.train), (before.validation, after.validation), (before.test, after.test)):
        assert isinstance(one, ImageFiles)
        assert isinstance(other, ImageFiles)
        assert set(one.files) - {str(pictures / "dog/07.png")} == set(other.files)


@pytest.mark.parametrize("memory", [0, 10**9])
def test_progress_is_reported_up_to_the_last_file(pictures: Path, monkeypatch: pytest.MonkeyPatch, memory: int) -> None:
    monkeypatch.setattr("se_nas.data.sources.memory_bytes", lambda: memory)
    told: list[tuple[int, int]] = []

    load_data(f"imagefolder:{pictures}", image_size=8, on_opened=lambda done, total: told.append((done, total)))

    assert told == sorted(told)
    assert told[-1] == (40, 40)

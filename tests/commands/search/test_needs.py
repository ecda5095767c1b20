"""The things that a machine lacks for the trainings of a run."""

from pathlib import Path

import numpy as np
import pytest

from se_nas.commands.search.needs import Needs
from se_nas.data.folders.image_file import read_image
from se_nas.data.image_data import ImageFiles
from tests.fakes import image_set


@pytest.fixture
def files(tmp_path: Path) -> ImageFiles:
    (tmp_path / "images").mkdir()
    paths = [tmp_path / "images" / f"{number}.png" for number in range(4)]
    for path in paths:
        path.write_bytes(b"image")
    return ImageFiles(files=tuple(map(str, paths)), labels=np.arange(4) % 2, image_size=8, read=read_image)


@pytest.fixture
def needs(files: ImageFiles) -> Needs:
    return Needs.of(files, image_set(3))


def test_the_machine_that_started_the_search_lacks_nothing(needs: Needs) -> None:
    assert needs(False) is None


def test_a_missing_gpu_is_named_if_it_is_needed(needs: Needs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("se_nas.commands.search.needs.gpu_count", lambda: 0)

    assert needs(True) == "torch finds no GPU there"


def test_missing_and_changed_images_are_named(needs: Needs, files: ImageFiles) -> None:
    Path(files.files[2]).write_bytes(b"another image")
    assert needs(False) == f"image {files.files[2]} is another file there (13 bytes, the search's has 5)"

    Path(files.files[1]).unlink()
    assert needs(False) == f"image {files.files[1]} is not there"


def test_an_image_that_was_gone_before_the_check_is_no_missing_need(files: ImageFiles) -> None:
    Path(files.files[1]).unlink()

    assert Needs.of(files)(False) is None

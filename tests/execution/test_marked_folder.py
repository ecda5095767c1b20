"""Whether a machine sees the run folder, and what it says if not."""

from pathlib import Path

import pytest

from se_nas.errors import WriteError
from se_nas.execution.marked_folder import MARK, MarkedFolder


@pytest.fixture
def folder(tmp_path: Path) -> MarkedFolder:
    return MarkedFolder.of(tmp_path / "run")


def test_the_machine_that_marked_the_folder_sees_it(folder: MarkedFolder) -> None:
    assert folder.problem_here() is None


def test_a_folder_with_another_mark_is_another_folder(folder: MarkedFolder) -> None:
    MarkedFolder.of(folder.path)

    assert folder.problem_here() == f"the run folder {folder.path} is another folder there"


def test_a_folder_with_a_damaged_mark_is_not_the_same(folder: MarkedFolder) -> None:
    (folder.path / MARK).write_bytes(b"\xff\xfe\x00")

    assert "its mark is damaged" in str(folder.problem_here())


def test_an_empty_folder_at_the_same_path_is_not_the_same(folder: MarkedFolder) -> None:
    (folder.path / MARK).unlink()

    assert folder.problem_here() == f"the run folder {folder.path} is not there"


def test_a_missing_folder_is_named(folder: MarkedFolder, tmp_path: Path) -> None:
    folder.path.rename(tmp_path / "elsewhere")

    assert folder.problem_here() == f"the run folder {folder.path} is not there"


def test_a_file_in_the_place_of_the_folder_is_no_folder(folder: MarkedFolder, tmp_path: Path) -> None:
    folder.path.rename(tmp_path / "elsewhere")
    folder.path.write_text("a file")

    assert folder.problem_here() == f"the run folder {folder.path} is not there"


def test_a_folder_that_cannot_be_marked_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")

    with pytest.raises(WriteError, match="cannot be written"):
        MarkedFolder.of(tmp_path / "file" / "run")

"""Files that travel between the driver and a machine that does not see the run folder."""

import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from se_nas.errors import WriteError
from se_nas.execution.carried_files import OwnFiles, Parcel
from se_nas.files import write_atomically


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnFiles]:
    """The files of a worker on another machine, which has its own folder for temporary files."""
    (tmp_path / "there").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "there"))
    files = OwnFiles()
    files.begin(Parcel())
    yield files
    files.remove()


def test_a_written_file_travels_once(own: OwnFiles) -> None:
    write_atomically(own.path / "trials" / "0001" / "result.json", "{}")

    assert own.written().contents == {"trials/0001/result.json": b"{}"}
    assert own.written().contents == {}


def test_a_file_that_was_replaced_travels_again(own: OwnFiles) -> None:
    for content in ("one", "two", "two"):
        write_atomically(own.path / "checkpoint", content)

        assert own.written().contents == {"checkpoint": content.encode()}


def test_a_file_that_came_with_the_task_does_not_travel_back(own: OwnFiles) -> None:
    own.begin(Parcel({"0001/checkpoint": b"state"}))

    assert (own.path / "0001" / "checkpoint").read_bytes() == b"state"
    assert own.written().contents == {}


def test_files_of_the_last_training_are_gone_when_the_next_one_begins(own: OwnFiles) -> None:
    write_atomically(own.path / "0001" / "checkpoint", "state")

    own.begin(Parcel())

    assert own.written().contents == {}
    assert not (own.path / "0001").exists()


def test_a_removed_file_removes_no_file_of_the_driver(own: OwnFiles, tmp_path: Path) -> None:
    own.begin(Parcel({"checkpoint": b"state"}))
    (tmp_path / "checkpoint").write_text("state")
    (own.path / "checkpoint").unlink()

    own.written().unpack(tmp_path)

    assert (tmp_path / "checkpoint").read_text() == "state"


def test_a_worker_goes_on_after_its_folder_was_cleaned(own: OwnFiles) -> None:
    write_atomically(own.path / "checkpoint", "state")
    own.written()
    (own.path / "checkpoint").unlink()
    own.path.rmdir()

    assert own.written().contents == {}
    write_atomically(own.path / "result.json", "{}")
    assert own.written().contents == {"result.json": b"{}"}


def test_the_folder_is_removed_with_the_worker(own: OwnFiles, tmp_path: Path) -> None:
    own.remove()

    assert list((tmp_path / "there").iterdir()) == []


def test_the_folder_of_a_killed_worker_is_removed_by_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    if (child := os.fork()) == 0:
        OwnFiles()
        os._exit(9)
    os.waitpid(child, 0)
    assert len(list(tmp_path.iterdir())) == 1

    own = OwnFiles()

    assert list(tmp_path.iterdir()) == [own.path.parent]
    own.remove()


def test_a_parcel_is_written_and_forgotten(tmp_path: Path) -> None:
    parcel = pickle.loads(pickle.dumps(Parcel({"a": b"one", "deep/er/b": b"two"})))
    (tmp_path / "a").write_text("old")

    parcel.unpack(tmp_path)

    assert (tmp_path / "a").read_bytes() == b"one"
    assert (tmp_path / "deep" / "er" / "b").read_bytes() == b"two"
    assert parcel.contents == {}


def test_a_parcel_that_cannot_be_written_is_an_error_and_keeps_its_content(tmp_path: Path) -> None:
    (tmp_path / "deep").write_text("a file")
    parcel = Parcel({"deep/b": b"two"})

    with pytest.raises(WriteError, match="cannot be written"):
        parcel.unpack(tmp_path)

    assert parcel.contents == {"deep/b": b"two"}


def test_a_parcel_has_only_files_that_exist(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")

    assert Parcel.of([tmp_path / "a", tmp_path / "b"], tmp_path).contents == {"a": b"one"}

"""Files are the old ones or the new ones, whatever happens in between."""

import os
from pathlib import Path

import pytest

from se_nas.errors import WriteError
from se_nas.files import write_atomically, write_json


def test_text_and_bytes_are_written_as_they_are(tmp_path: Path) -> None:
    write_atomically(tmp_path / "text", "ε-net\n")
    write_atomically(tmp_path / "bytes", b"\x00\xff")

    assert (tmp_path / "text").read_text(encoding="utf-8") == "ε-net\n"
    assert (tmp_path / "bytes").read_bytes() == b"\x00\xff"


def test_missing_folders_are_made(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "b" / "file", "here")

    assert (tmp_path / "a" / "b" / "file").read_text() == "here"


def test_others_may_read_what_is_written(tmp_path: Path) -> None:
    write_atomically(tmp_path / "file", "here")

    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("moment", ["fsync", "replace"])
@pytest.mark.parametrize(("raised", "error"), [(OSError, WriteError), (KeyboardInterrupt, KeyboardInterrupt)])
def test_a_write_cut_off_leaves_the_old_file_and_nothing_else(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
    raised: type[BaseException],
    error: type[BaseException],
) -> None:
    def cut_off(*_: object) -> None:
        raise raised

    write_atomically(tmp_path / "file", "old")
    monkeypatch.setattr(*((os, "fsync") if moment == "fsync" else (Path, "replace")), cut_off)

    with pytest.raises(error):
        write_atomically(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_the_content_is_on_the_disk_before_the_name_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (calls.append("fsync"), fsync(handle)))
    monkeypatch.setattr(Path, "replace", lambda *paths: (calls.append("rename"), replace(*paths)))

    write_atomically(tmp_path / "file", "new")

    assert calls[:2] == ["fsync", "rename"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"deep": [float("-inf")]}])
def test_json_knows_no_nan_and_the_old_file_stays(tmp_path: Path, value: object) -> None:
    write_json(tmp_path / "file.json", {"old": 1})

    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "file.json", value)
    assert (tmp_path / "file.json").read_text() == '{\n  "old": 1\n}\n'

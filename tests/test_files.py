"""Files are the old ones or the new ones, whatever happens in between."""

import os
from pathlib import Path

import pytest

from se_nas.errors import WriteError
from se_nas.files import read_sealed, write_atomically, write_json, write_sealed


def test_text_and_bytes_are_written_as_they_are(tmp_path: Path) -> None:
    write_atomically(tmp_path / "text", "ε-net\n")
    write_atomically(tmp_path / "bytes", b"\x00\xff")

    assert (tmp_path / "text").read_text(encoding="utf-8") == "ε-net\n"
    assert (tmp_path / "bytes").read_bytes() == b"\x00\xff"


def test_missing_folders_are_made(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "b" / "file", "here")

    assert (tmp_path / "a" / "b" / "file").read_text() == "here"


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_who_may_read_what_is_written_is_the_users_choice(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write_atomically(tmp_path / "file", "here")
    finally:
        os.umask(before)

    assert (tmp_path / "file").stat().st_mode & 0o777 == mode


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


def test_what_was_sealed_is_read_back_and_anything_else_is_nothing(tmp_path: Path) -> None:
    path, value = tmp_path / "file.json", {"curve": (0.1 + 0.2, 1e-17), "cost": {"flops": 2**53}, "name": "ε"}
    write_sealed(path, value)
    sealed = path.read_text()

    assert read_sealed(path) == {**value, "curve": [0.1 + 0.2, 1e-17]}
    for spoiled in ("", "{}", "[1]", "[" * 100_000, sealed[:-3], sealed.replace("1e-17", "1e-16")):
        path.write_text(spoiled)
        assert read_sealed(path) is None
    assert read_sealed(tmp_path / "nowhere") is None

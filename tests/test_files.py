"""Atomic writing: a file has its old or its new content, whatever happens in between."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
import yaml

from se_nas.errors import WriteError
from se_nas.files import read_checked, write_atomically, write_checked, write_json, write_yaml
from se_nas.space.files.loading import load_design_space


def test_text_and_bytes_are_written_as_they_are(tmp_path: Path) -> None:
    write_atomically(tmp_path / "text", "ε-net\n")
    write_atomically(tmp_path / "bytes", b"\x00\xff")

    assert (tmp_path / "text").read_text(encoding="utf-8") == "ε-net\n"
    assert (tmp_path / "bytes").read_bytes() == b"\x00\xff"


def test_missing_folders_are_made(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "b" / "file", "here")

    assert (tmp_path / "a" / "b" / "file").read_text() == "here"


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_written_files_have_the_permissions_of_the_umask(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write_atomically(tmp_path / "file", "here")
    finally:
        os.umask(before)

    assert (tmp_path / "file").stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("moment", ["fsync", "replace"])
@pytest.mark.parametrize(("raised", "error"), [(OSError, WriteError), (KeyboardInterrupt, KeyboardInterrupt)])
def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(
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

    assert calls == ["fsync", "rename", "fsync"]


def test_the_names_of_new_files_and_folders_are_synced_to_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(Path(f"/dev/fd/{handle}").resolve()), fsync(handle)))

    write_atomically(tmp_path / "a" / "b" / "file", "here")

    assert {tmp_path, tmp_path / "a", tmp_path / "a" / "b"} <= set(synced)
    assert synced[-1] == tmp_path / "a" / "b"


def test_a_file_system_that_cannot_sync_folders_can_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def only_files(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", only_files)
    write_atomically(tmp_path / "a" / "file", "here")

    assert (tmp_path / "a" / "file").read_text() == "here"


def test_a_character_of_a_file_name_that_is_not_utf_8_can_be_written(tmp_path: Path) -> None:
    write_atomically(tmp_path / "file", os.fsdecode(b"caf\xe9 \xc3\xa9"))

    assert (tmp_path / "file").read_bytes() == rb"caf\udce9 " + "é".encode()


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO])
def test_a_file_that_cannot_be_written_is_named_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(Path, "replace", refuse)

    with pytest.raises(WriteError, match=rf"file: cannot be written \({os.strerror(reason)}\)"):
        write_atomically(tmp_path / "file", "new")
    assert not list(tmp_path.iterdir())


IN_C = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def test_files_are_utf_8_whatever_the_locale(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from se_nas.files import read_checked, write_atomically, write_checked\n"
        "folder = Path(sys.argv[1]); write_atomically(folder / 'text', chr(949))\n"
        "write_checked(folder / 'checked', {'name': chr(949)})\n"
        "assert read_checked(folder / 'checked')['name'] == chr(949)"
    )
    call = [sys.executable, "-c", program, str(tmp_path)]

    subprocess.run(call, env={**os.environ, **IN_C}, check=True, timeout=800)

    assert (tmp_path / "text").read_text(encoding="utf-8") == "ε"
    assert read_checked(tmp_path / "checked") == {"name": "ε"}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"deep": [float("-inf")]}])
def test_nan_is_refused_as_json_and_the_old_file_stays(tmp_path: Path, value: object) -> None:
    write_json(tmp_path / "file.json", {"old": 1})

    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "file.json", value)
    assert (tmp_path / "file.json").read_text() == '{\n  "old": 1\n}\n'


def test_a_file_with_the_right_checksum_is_read_back_and_any_other_is_none(tmp_path: Path) -> None:
    path, value = tmp_path / "file.json", {"curve": (0.1 + 0.2, 1e-17), "cost": {"flops": 2**53}, "name": "ε"}
    write_checked(path, value)
    sealed = path.read_text()

    assert read_checked(path) == {**value, "curve": [0.1 + 0.2, 1e-17]}
    for spoiled in ("", "{}", "[1]", "[" * 100_000, sealed[:-3], sealed.replace("1e-17", "1e-16")):
        path.write_text(spoiled)
        assert read_checked(path) is None
    assert read_checked(tmp_path / "nowhere") is None


@pytest.mark.parametrize("space", sorted(Path("search_spaces").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_networks_file_is_the_same_with_and_without_libyaml(tmp_path: Path, space: Path) -> None:
    loaded = load_design_space(space)
    for seed in range(5):
        network = loaded.decode(loaded.sample(Random(seed))).to_dict()

        write_yaml(tmp_path / "network.yaml", network)
        assert (tmp_path / "network.yaml").read_text() == yaml.safe_dump(network, sort_keys=False)


@pytest.mark.parametrize(
    "text", ["", "no", "1e5", "a: b", "two\nlines", "tab\t", "é€😀" * 60, "\u2028\x85\ufeff\x07" * 40]
)
def test_any_text_written_as_yaml_is_read_back(tmp_path: Path, text: str) -> None:
    write_yaml(tmp_path / "text.yaml", {"text": text})

    assert yaml.safe_load((tmp_path / "text.yaml").read_text(encoding="utf-8")) == {"text": text}

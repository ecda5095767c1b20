"""The folder of a new search belongs to it alone, whatever starts at the same time."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from se_nas.commands.search import assembly, search
from se_nas.commands.search.flags import SearchRequest
from se_nas.errors import InputError, WriteError
from se_nas.runs.lock import locked
from se_nas.runs.new_run import check_new, new_run_folder
from se_nas.runs.run_folder import RunFolder
from tests.commands.conftest import rows_of

TOGETHER = 8


def claim_together(wanted: Path | None, default: Path) -> list[Path | InputError]:
    """The results of eight claims at the same moment. Each claim keeps its folder until all claims have ended."""
    start, end = threading.Barrier(TOGETHER), threading.Barrier(TOGETHER)

    def claim(_: int) -> Path | InputError:
        start.wait(120)
        try:
            with new_run_folder(wanted, default) as path:
                (path / "config.yaml").touch()
                end.wait(120)
                return path
        except InputError as error:
            end.wait(120)
            return error

    with ThreadPoolExecutor(TOGETHER) as pool:
        return list(pool.map(claim, range(TOGETHER)))


def test_searches_without_a_name_that_start_at_the_same_moment_get_different_folders(tmp_path: Path) -> None:
    default = tmp_path / "runs" / "tiny-20261127-120000"

    got = claim_together(None, default)

    names = {default.name, *(f"{default.name}-{number}" for number in range(2, TOGETHER + 1))}
    assert sorted(map(str, got)) == sorted(str(default.with_name(name)) for name in names)


@pytest.mark.parametrize("exists", [False, True])
def test_one_of_several_searches_gets_a_folder_and_the_others_are_refused(tmp_path: Path, exists: bool) -> None:
    if exists:
        (tmp_path / "run").mkdir()

    got = claim_together(tmp_path / "run", tmp_path)

    assert [one for one in got if isinstance(one, Path)] == [tmp_path / "run"]
    refusals = {str(one) for one in got if isinstance(one, InputError)}
    assert all(line.startswith((f"{tmp_path}/run: another command", f"--run {tmp_path}/run:")) for line in refusals)


def test_a_folder_stays_locked_until_the_search_has_ended(tmp_path: Path) -> None:
    with new_run_folder(tmp_path / "run", tmp_path), pytest.raises(InputError, match="another command is writing"):  # noqa: SIM117
        with locked(tmp_path / "run"):
            pass

    (tmp_path / "run").mkdir(exist_ok=True)
    with locked(tmp_path / "run"):
        pass


def leave_nothing(_: Path) -> None:
    pass


def leave_a_lock(run: Path) -> None:
    (run / ".lock").touch()


def leave_a_half_written_space(run: Path) -> None:
    leave_a_lock(run)
    (run / ".space.yaml.0a1b2c3d").write_text("# Que")


def leave_a_space_without_settings(run: Path) -> None:
    leave_a_lock(run)
    (run / "space.yaml").write_text("# Question")
    (run / ".config.yaml.0a1b2c3d").touch()


@pytest.mark.parametrize(
    "leave", [leave_nothing, leave_a_lock, leave_a_half_written_space, leave_a_space_without_settings]
)
def test_the_files_of_a_search_that_was_killed_at_its_start_do_not_block_the_same_command(
    tmp_path: Path, request_tiny: SearchRequest, console: Console, leave: Callable[[Path], None]
) -> None:
    assert request_tiny.run is not None
    request_tiny.run.mkdir()
    leave(request_tiny.run)

    search.start_search(replace(request_tiny, budget=1), console)

    assert len(rows_of(request_tiny.run)) == 1


@pytest.mark.parametrize(
    "left", [["notes.txt"], ["space.yaml"], [".lock", "trials"], [".lock", "space.yaml", "study.db"]]
)
def test_a_folder_that_is_not_empty_is_refused_and_left_alone(tmp_path: Path, left: list[str]) -> None:
    for name in left:
        (tmp_path / name).write_text("mine")

    with pytest.raises(InputError, match="already there and not empty"), new_run_folder(tmp_path, tmp_path):
        pass
    assert {entry.name: entry.read_text() for entry in tmp_path.iterdir()} == dict.fromkeys(left, "mine")


def test_the_refusal_of_an_earlier_search_names_the_flag_that_resumes_it(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").touch()

    with pytest.raises(InputError, match=f"use --resume {tmp_path}"):
        check_new(tmp_path)


@pytest.mark.parametrize("exists", [False, True])
def test_a_search_that_fails_before_its_settings_are_written_leaves_nothing(tmp_path: Path, exists: bool) -> None:
    run = tmp_path / "run"
    if exists:
        run.mkdir()

    def fail(path: Path) -> None:
        (path / "space.yaml").touch()
        raise WriteError("the disk is full")

    with pytest.raises(WriteError), new_run_folder(run, tmp_path) as path:
        fail(path)
    assert run.exists() == exists
    assert not exists or not list(run.iterdir())


def test_a_search_that_fails_before_its_first_trial_names_the_command_that_resumes_it(
    request_tiny: SearchRequest, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no trackers today")

    monkeypatch.setattr(assembly, "build_trackers", fail)

    with pytest.raises(RuntimeError, match="no trackers today") as failed:
        search.start_search(request_tiny, console)
    assert failed.value.__notes__ == [
        f"everything finished is kept; continue with: python launch/search.py --resume {request_tiny.run}"
    ]
    monkeypatch.undo()
    assert request_tiny.run is not None
    search.resume_search(request_tiny.run, SearchRequest(budget=1, workers=1, wandb="off"), console)
    assert len(rows_of(request_tiny.run)) == 1


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda there: there.write_text("a file"), "a file, but a folder is needed"),
        (lambda there: there.symlink_to("nowhere"), "a link to nowhere, where nothing is"),
        (os.mkfifo, "a folder is needed"),
    ],
)
def test_a_path_that_is_no_folder_is_refused(tmp_path: Path, make: Callable[[Path], None], expected: str) -> None:
    make(tmp_path / "run")

    with pytest.raises(InputError, match=expected), new_run_folder(tmp_path / "run", tmp_path):
        pass


@pytest.mark.parametrize("name", ["x" * 300, "file/below", "file/deep/below"])
def test_a_folder_that_cannot_be_made_is_refused_with_the_reason(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(InputError, match=r"--run .*: cannot be"), new_run_folder(tmp_path / name, tmp_path):
        pass


@pytest.mark.parametrize("name", ["two\nlines", "red\x1b[31m", os.fsdecode(b"caf\xe9"), "tab\t"])
def test_a_name_that_sqlite_or_a_command_line_cannot_use_is_refused_at_once(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"its path (is not UTF-8|has a line break)"):
        SearchRequest(run=tmp_path / name, wandb="off").check()
    with pytest.raises(InputError, match="rename the folder"):
        RunFolder.open(tmp_path / name)


def test_a_relative_name_that_looks_like_a_flag_is_refused_with_the_correct_spelling() -> None:
    with pytest.raises(InputError, match=r"--run -x/y: other commands would take it for a flag; write /.*/-x/y"):
        check_new(Path("-x/y"))


@pytest.mark.parametrize("name", ["-leading", "a 'quote\"", "größe", "日本", "$HOME", "a:b", "%41?#&"])
def test_odd_names_of_run_folders_are_accepted(tmp_path: Path, name: str) -> None:
    SearchRequest(run=tmp_path / name, wandb="off").check()
    with new_run_folder(tmp_path / name, tmp_path) as path:
        (path / "config.yaml").touch()

    assert (tmp_path / name / "config.yaml").is_file()


def test_a_file_system_without_locks_is_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoLocks:
        def __init__(self, *_: object, **__: object) -> None:
            pass

        def acquire(self) -> None:
            raise OSError(37, "No locks available")

    monkeypatch.setattr("filelock.FileLock", NoLocks)

    with (
        pytest.raises(
            InputError, match=r"does not support locks \(No locks available\).*use a folder on another file system"
        ),
        new_run_folder(tmp_path / "run", tmp_path),
    ):
        pass
    assert not (tmp_path / "run").exists()

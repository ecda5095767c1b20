"""Temporary folders of processes that have ended in every way, and of processes that live."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from se_nas.execution.temporary_folders import (
    keep_temporary_folder,
    make_temporary_folder,
    remove_abandoned_folders,
    remove_temporary_folder,
)

OWNER = """\
import sys, time
from pathlib import Path
from se_nas.process import last_words
from se_nas.execution.temporary_folders import make_temporary_folder

if sys.argv[2] == "watched":
    last_words.watch_over("script")
folder = make_temporary_folder(Path(sys.argv[1]))
(folder / "logs").mkdir()
(folder / "logs" / "raylet.out").write_text("a line")
print(folder, flush=True)
time.sleep(1000)
"""


@contextmanager
def owner(place: Path, *, watched: bool) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process with a temporary folder in `place`."""
    call = [sys.executable, "-c", OWNER, str(place), "watched" if watched else "alone"]
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def wait_until_gone(folder: Path) -> None:
    deadline = time.monotonic() + 300
    while folder.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("number", [9, 11, 15])
def test_the_watcher_of_a_process_that_a_signal_kills_removes_its_folder(number: int, tmp_path: Path) -> None:
    with owner(tmp_path, watched=True) as (process, folder):
        os.kill(process.pid, number)

        wait_until_gone(folder)


def test_the_next_search_removes_the_folder_of_a_process_that_was_killed_with_its_watcher(tmp_path: Path) -> None:
    with owner(tmp_path, watched=True) as (process, folder):
        for watcher in psutil.Process(process.pid).children():
            watcher.kill()
        process.kill()
        process.wait()
        assert folder.is_dir()

        remove_abandoned_folders(tmp_path)

        assert not folder.exists()


def test_the_folder_of_a_living_process_stays(tmp_path: Path) -> None:
    with owner(tmp_path, watched=False) as (_, folder):
        remove_abandoned_folders(tmp_path)

        assert (folder / "logs" / "raylet.out").is_file()


def test_folders_that_no_search_has_marked_stay(tmp_path: Path) -> None:
    (tmp_path / "ray-of-another-program" / "logs").mkdir(parents=True)
    (tmp_path / "ray-link").symlink_to(tmp_path / "ray-of-another-program")
    (tmp_path / "ray-file").write_text("not a folder")
    kept = make_temporary_folder(tmp_path)
    keep_temporary_folder(kept)

    remove_abandoned_folders(tmp_path)

    assert {path.name for path in tmp_path.iterdir()} == {"ray-of-another-program", "ray-link", "ray-file", kept.name}


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to another user")
def test_the_abandoned_folder_of_another_user_stays(tmp_path: Path) -> None:
    with owner(tmp_path, watched=False) as (process, folder):
        process.kill()
        process.wait()
        os.chown(folder, 12345, 12345)

        remove_abandoned_folders(tmp_path)

        assert folder.is_dir()


def test_a_folder_that_its_process_removes_is_gone_with_all_that_it_holds(tmp_path: Path) -> None:
    folder = make_temporary_folder(tmp_path)
    (folder / "session").mkdir()

    remove_temporary_folder(folder)

    assert not folder.exists()

"""Fixtures of end-to-end tests: a data set and a space that are so small that a search takes seconds."""

import io
import os
import runpy
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy
from alembic.script import ScriptDirectory
from rich.console import Console

from se_nas.commands.search.flags import SearchRequest
from se_nas.process import command_line, last_words
from tests.processes import Started

TINY_SPACE = """\
# Question: for tests.
name: tiny
image_size: 8
stem: {width: 8, stride: 1}
every_stage: {depth: 1, group_width: 8, se: {present: [false, true], reduction: [2, 4]}}
stages:
  - {width: [8, 16], stride: 2}
  - {width: [16, 24], stride: 2}
"""


@pytest.fixture(autouse=True)
def _restore_the_environment() -> Iterator[None]:
    """Restore the environment variables after each test. Ray and its workers read their settings there."""
    kept = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(kept)


@pytest.fixture(autouse=True, scope="session")
def _commands_get_every_signal() -> None:
    """Handle the signals that this process ignores, and do nothing, as with `nohup` or behind `&` in a script.

    A command inherits that a signal is ignored, and would not end. It does not inherit a handler.
    """
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@pytest.fixture(autouse=True, scope="session")
def _quick_files() -> Iterator[None]:
    """Let this process not wait for the disk. Only a power failure could damage these files."""

    def do_not_sync(connection: Any, _: object) -> None:
        connection.execute("PRAGMA synchronous = OFF")

    sqlalchemy.event.listen(sqlalchemy.engine.Engine, "connect", do_not_sync)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield
    sqlalchemy.event.remove(sqlalchemy.engine.Engine, "connect", do_not_sync)


@pytest.fixture(autouse=True, scope="session")
def _quick_opening() -> Iterator[None]:
    """Let Optuna look for its newest format once. It runs twenty scripts for that at each opening of a study."""
    find, newest = ScriptDirectory.get_current_head, {}

    def find_once(scripts: ScriptDirectory) -> str | None:
        if scripts.dir not in newest:
            newest[scripts.dir] = find(scripts)
        return newest[scripts.dir]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptDirectory, "get_current_head", find_once)
        yield


@pytest.fixture(autouse=True)
def _forget_opened_images(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test its own cache of opened images, so that it does not write into the user's cache."""
    path = tmp_path_factory.getbasetemp() / f"cache-{secrets.token_hex(4)}" / "opened-images.db"
    monkeypatch.setattr("se_nas.data.folders.opened_files.cache_file", lambda: path)


STARTED, FAILED = pytest.StashKey[Started](), pytest.StashKey[bool]()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Mark the processes that a test starts."""
    item.stash[STARTED] = Started(item.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """End the processes that a failed test has left behind, so that later tests do not see them."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    if report.when == "teardown" and item.stash[FAILED] and STARTED in item.stash:
        item.stash[STARTED].end()
    return report


@pytest.fixture
def space_file(tmp_path: Path) -> Path:
    """A space of 36 networks that train in milliseconds."""
    return write_tiny_space(tmp_path)


@pytest.fixture
def data_file(tmp_path: Path) -> Path:
    """A file of 48 + 40 + 40 images of 8×8 pixels in the layout of MedMNIST. Its two classes differ in brightness."""
    return write_tiny_data(tmp_path)


@pytest.fixture
def request_tiny(tmp_path: Path, space_file: Path, data_file: Path) -> SearchRequest:
    """A search of ten short trials in this process."""
    return tiny_request(tmp_path, space_file, data_file)


@pytest.fixture(scope="session")
def searched_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a search of six trials. No test may write to it."""
    from se_nas.commands.search.search import start_search

    folder = tmp_path_factory.mktemp("searched")
    request = tiny_request(folder, write_tiny_space(folder), write_tiny_data(folder))
    start_search(replace(request, budget=6), Console(file=io.StringIO()))
    return folder / "run"


@pytest.fixture
def searched(searched_once: Path, tmp_path: Path) -> Path:
    """The test's own copy of the run folder of a search of six trials."""
    return Path(shutil.copytree(searched_once, tmp_path / "run"))


def write_tiny_space(folder: Path) -> Path:
    """Write the file of `space_file`."""
    path = folder / "tiny.yaml"
    path.write_text(TINY_SPACE)
    return path


def write_tiny_data(folder: Path) -> Path:
    """Write the file of `data_file`."""
    rng = np.random.default_rng(0)
    arrays = {}
    for name, count in (("train", 48), ("val", 40), ("test", 40)):
        labels = np.arange(count) % 2
        noise = rng.integers(0, 120, (count, 8, 8, 3))
        arrays[f"{name}_images"] = (noise + 60 * labels[:, None, None, None]).astype(np.uint8)
        arrays[f"{name}_labels"] = labels[:, None]
    path = folder / "tiny.npz"
    np.savez(path, **arrays)
    return path


def tiny_request(folder: Path, space_file: Path, data_file: Path) -> SearchRequest:
    """Make the request of `request_tiny`."""
    return SearchRequest(
        space=space_file,
        data=f"npz:{data_file}",
        budget=10,
        epochs=4,
        run=folder / "run",
        workers=1,
        wandb="off",
    )


def quiet_console(width: int = 200) -> Console:
    """A console that prints to memory. `.file.getvalue()` is its text."""
    return Console(file=io.StringIO(), width=width, color_system=None)


@pytest.fixture
def console() -> Console:
    """A quiet console of 120 columns."""
    return quiet_console(120)


@pytest.fixture
def launched_here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a launch script run in this process: undo its signal handlers, and do not let it end the process."""
    monkeypatch.setattr(command_line, "_exit_as_it_is", sys.exit)
    kept = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for each, handler in kept.items():
        signal.signal(each, handler)
    last_words.farewell()


LaunchHere = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def launch_here(launched_here: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> LaunchHere:
    """A function that runs a launch script in this process, which saves the imports of a process of its own."""
    monkeypatch.setenv("COLUMNS", "120")

    def launch(script: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
        monkeypatch.setattr("sys.argv", [f"launch/{script}", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(Path(__file__).parents[1] / "launch" / script), run_name="__main__")
        said, told = capsys.readouterr()
        return subprocess.CompletedProcess([script], int(end.value.code or 0), said, told)

    return launch

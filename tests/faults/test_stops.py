"""Stops at unusual moments, a lock of another process, and output that nobody reads."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import psutil
import pytest

from se_nas.process.command_line import SAME_SECONDS
from se_nas.runs.lock import locked
from tests.faults.conftest import ROOT, Search, wait_until_it_takes_signals
from tests.processes import left_behind

MOMENTS = Random(0)


@pytest.mark.parametrize(
    "seconds",
    [
        0.0,
        *(
            pytest.param(seconds, marks=pytest.mark.slow)
            for seconds in (6.0, *(MOMENTS.uniform(0, 11) for _ in range(20)))
        ),
    ],
)
def test_ctrl_c_at_any_moment_prints_one_line_and_leaves_no_process_behind(
    search: Search, tmp_path: Path, space_file: Path, data_file: Path, seconds: float
) -> None:
    """The moments begin after the start of Python itself, during which its traceback cannot be prevented."""
    run = tmp_path / "run"
    flags = ["--space", space_file, "--data", f"npz:{data_file}", "--epochs", 200, "--budget", 30, "--workers", 2]
    process = search("--run", run, *flags)
    wait_until_it_takes_signals(process)
    time.sleep(seconds)
    children = psutil.Process(process.pid).children(recursive=True)

    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=800)

    assert (process.returncode, told.count("\n")) == (130, 1), told
    assert told.startswith("search.py: interrupted")
    assert (f"--resume {run}" in told) == (run / "config.yaml").exists()
    assert not left_behind(children)


def test_a_repeated_ctrl_c_counts_once(search: Search, tmp_path: Path, space_file: Path, data_file: Path) -> None:
    """Without a terminal, `uv run` passes on a signal that the whole process group has already received."""
    run = tmp_path / "run"
    flags = ["--space", space_file, "--data", f"npz:{data_file}", "--epochs", 400, "--budget", 30, "--workers", 2]
    process = search("--run", run, *flags)
    while not list(run.glob("trials/*/architecture.yaml")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    children = psutil.Process(process.pid).children(recursive=True)

    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)  # at once, because the machine decides how soon the second signal is noticed
    _, told = process.communicate(timeout=800)

    assert process.returncode == 130
    assert told.count("\n") == 1
    assert f"--resume {run}" in told
    assert not left_behind(children)


SLOW_TO_LEAVE = """\
import time
from se_nas.process.command_line import run

def main():
    try:
        print("in", flush=True)
        time.sleep(3600)
    finally:
        print("leaving", flush=True)
        time.sleep(3600)

run(main, prog="search.py")
"""


def test_a_second_ctrl_c_ends_the_process_at_once() -> None:
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", SLOW_TO_LEAVE], stdout=pipe, stderr=pipe, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "in\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "leaving\n"
    time.sleep(2 * SAME_SECONDS)

    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=800)

    assert process.returncode == 130
    assert told == "search.py: interrupted; everything finished is kept\n"


def test_a_second_driver_is_refused_and_the_lock_of_a_dead_driver_is_free(search: Search, searched: Path) -> None:
    with locked(searched):
        refused = search("--resume", searched, "--budget", 7)
        _, told = refused.communicate(timeout=800)
    holder = (
        "import sys, time\nfrom pathlib import Path\nfrom se_nas.runs.lock import locked\n"
        "with locked(Path(sys.argv[1])):\n    print('in', flush=True)\n    time.sleep(3600)"
    )
    dead = subprocess.Popen([sys.executable, "-c", holder, str(searched)], cwd=ROOT, stdout=subprocess.PIPE)
    assert dead.stdout is not None
    dead.stdout.readline()
    dead.kill()
    dead.wait()
    dead.stdout.close()
    with locked(searched):
        pass

    assert refused.returncode == 2
    assert told == f"search.py: {searched}: another command is writing here; wait for it or use another folder\n"


def test_a_search_whose_output_nobody_reads_ends_with_a_line_that_says_how_to_resume(
    search: Search, tmp_path: Path, space_file: Path, data_file: Path
) -> None:
    run = tmp_path / "run"
    flags = ["--space", space_file, "--data", f"npz:{data_file}", "--epochs", 2, "--budget", 8, "--workers", 1]
    unread = search("--run", run, *flags)
    assert unread.stdout is not None
    assert unread.stderr is not None
    unread.stdout.readline()
    unread.stdout.close()  # like `| head -1`
    told = unread.stderr.read()
    unread.stderr.close()
    unread.wait(800)

    assert unread.returncode == 141
    assert told == (
        "search.py: nobody reads its output; everything finished is kept; "
        f"continue with: python launch/search.py --resume {run}\n"
    )

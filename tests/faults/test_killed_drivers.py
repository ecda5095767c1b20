"""A driver is killed (-9) at random moments and resumed each time."""

import signal
import subprocess
import time
from pathlib import Path
from random import Random

import pytest

from tests.conftest import LaunchHere
from tests.faults.conftest import Search, finished, outcome


def kill_after(process: subprocess.Popen[str], run: Path, *, results: int, seconds: float) -> None:
    """Kill the process `seconds` after there are `results` results, unless it ends earlier."""
    deadline = time.monotonic() + 800
    while len(list(run.glob("trials/*/result.json"))) < results and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    time.sleep(seconds)
    process.kill()
    process.communicate()


@pytest.mark.parametrize(("budget", "kills"), [(8, 2), pytest.param(40, 20, marks=pytest.mark.slow)])
def test_a_search_that_is_killed_repeatedly_ends_like_an_uninterrupted_search(
    tmp_path: Path,
    search: Search,
    launch_here: LaunchHere,
    space_file: Path,
    data_file: Path,
    budget: int,
    kills: int,
) -> None:
    """There is one worker. The space has 36 networks, so 40 trials exhaust it. The moments come from a fixed seed."""
    rng = Random(0)
    flags = ["--space", space_file, "--data", f"npz:{data_file}", "--epochs", 4, "--workers", 1]
    whole, run = tmp_path / "whole", tmp_path / "killed"
    kept: dict[str, object] = {}
    killed = search("--budget", budget, "--run", run, *flags)
    for number in range(kills):
        kill_after(killed, run, results=number * (budget - 2) // kills, seconds=rng.uniform(0, 0.1))
        now = finished(run)
        assert {trial: now[trial] for trial in kept} == kept
        kept = dict(now)
        resume = ["--resume", run, "--budget", budget] if (run / "study.db").exists() else ["--run", run, *flags]
        killed = search(*resume, *([] if "--run" in resume else ["--workers", 1]))
    _, told = killed.communicate(timeout=800)
    uninterrupted = launch_here("search.py", "--budget", budget, "--run", whole, *flags, "--wandb", "off")

    assert uninterrupted.returncode == 0
    assert killed.returncode == 0, told
    assert {trial: finished(run)[trial] for trial in kept} == kept
    assert outcome(run) == outcome(whole)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_thousand_trials_with_a_kill_every_ten_seconds_give_a_thousand_results(
    tmp_path: Path, search: Search, large_space: Path, data_file: Path
) -> None:
    run, kills = tmp_path / "run", 0
    kept: dict[str, object] = {}
    flags = ["--space", large_space, "--data", f"npz:{data_file}", "--epochs", 1, "--strategy", "random"]
    process = search("--budget", 1000, "--run", run, *flags, "--workers", 1)
    while process.poll() is None:
        kill_after(process, run, results=len(kept) + 1, seconds=10)  # so that each driver reaches its trials
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL
        kills += 1
        now = finished(run)
        assert {trial: now[trial] for trial in kept} == kept
        kept = dict(now)
        process = search("--resume", run, "--workers", 1)

    assert process.returncode == 0
    assert kills >= 3
    rows, _ = outcome(run)
    assert [int(row["trial"]) for row in rows] == list(range(1000))
    assert len({row["fingerprint"] for row in rows}) == 1000
    assert {trial: finished(run)[trial] for trial in kept} == kept

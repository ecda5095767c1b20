"""Searches in separate processes, which tests kill."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.commands.conftest import TIMED

ROOT = Path(__file__).parents[2]
LARGE_SPACE = """\
# Question: for tests that need a thousand networks.
name: large
image_size: 8
stem: {width: 8, stride: 2}
every_stage: {depth: 1, group_width: 8, se: {present: [false, true], reduction: [1, 2, 4, 8]}}
stages:
  - {width: {from: 8, to: 64, step: 8}, stride: 2}
  - {width: {from: 64, to: 160, step: 8}, stride: 2}
"""

Search = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def large_space(tmp_path: Path) -> Path:
    """A space of 2,600 networks that train in milliseconds."""
    path = tmp_path / "large.yaml"
    path.write_text(LARGE_SPACE)
    return path


@pytest.fixture
def search(tmp_path: Path) -> Search:
    """A function that starts `launch/search.py`, or another script, with these flags and without W&B."""

    def start(*flags: object, script: str = "search.py") -> subprocess.Popen[str]:
        call = [sys.executable, str(ROOT / "launch" / script), *map(str, flags), "--wandb", "off"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        pipe = subprocess.PIPE
        return subprocess.Popen(call, cwd=tmp_path, env=environment, stdout=pipe, stderr=pipe, text=True)

    return start


def wait_for(run: Path, results: int, process: subprocess.Popen[str]) -> None:
    """Wait until `results` trials have ended. The search must still run then."""
    deadline = time.monotonic() + 800
    while len(finished(run)) < results:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def wait_until_it_takes_signals(process: subprocess.Popen[str]) -> None:
    """Wait until a command has set its handler for SIGTERM, which it does right after the handler for ctrl-C."""
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
        if int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.01)


def mount(*arguments: str) -> bool:
    """Mount a file system. Return whether this user is allowed to."""
    return subprocess.run(["mount", *arguments], capture_output=True).returncode == 0


def finished(run: Path) -> dict[str, dict[str, Any]]:
    """The content of each trial's result.json, by trial. Only complete files count."""
    results = {}
    for path in run.glob("trials/*/result.json"):
        results[path.parent.name] = json.loads(path.read_text())
    return results


def outcome(run: Path) -> tuple[list[dict[str, str]], str]:
    """The trials and the front as the search reports them, without what depends on a clock."""
    with (run / "trials.csv").open() as file:
        rows = [{name: value for name, value in row.items() if name not in TIMED} for row in csv.DictReader(file)]
    return rows, (run / "front.json").read_text()

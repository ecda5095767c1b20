"""What does one bad machine cost a search? Three "machines" (raylets on this machine), one of them faulty.

    uv run benchmarks/bad_machine.py

The bad machine has another version of se-nas, has no se-nas, sees another run folder or no images (the last two need
root, for a mount that only its processes see). With another run folder it trains all the same, and its results come
back through Ray. Prints for each kind: the exit code of a search of `--budget` trials, the numbers of trials that
succeeded and that failed, seconds, and the terminal's line about the machine.
"""

import argparse
import csv
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
SPACE = """\
# Question: for a cluster.
name: tiny
image_size: 64
stem: {width: 8, stride: 2}
every_stage: {depth: 1, group_width: 8, se: {present: [false, true], reduction: [2, 4]}}
stages:
  - {width: [8, 16], stride: 2}
  - {width: [16, 24], stride: 2}
"""
KINDS = ("none is wrong", "another version", "no package", "no images", "another run folder")
WAIT_SECONDS = 180.0
ATTEMPTS = 5
"""Ray gives its own processes half a minute to start, which a busy machine may exceed."""
RAY = ["--num-cpus", "1", "--block", "--min-worker-port", "0", "--max-worker-port", "0"]
RAY += ["--dashboard-agent-listen-port", "0", "--dashboard-agent-grpc-port", "0", "--metrics-export-port", "0"]


def environment() -> dict[str, str]:
    """The environment of Ray's processes and the search: one thread each; little memory keeps images on disk."""
    settings = {"OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0", "SLURM_MEM_PER_NODE": "1"}
    settings |= {"RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0", "RAY_AUTH_MODE": "disabled"}  # whether or not ~/.ray has a token
    return {**os.environ, **settings}


def write_images(folder: Path) -> None:
    """Two classes that differ in brightness."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 40), ("val", 12), ("test", 12)):
        for label in range(2):
            (folder / part / f"class{label}").mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 120, (64, 64, 3)) + 90 * label
                Image.fromarray(pixels.astype(np.uint8)).save(folder / part / f"class{label}" / f"{number}.png")


def wrong_machine(kind: str, folder: Path) -> tuple[list[str], dict[str, str]]:
    """The command before the `ray start` of a bad machine, and the changes of its environment."""
    hidden = {"no images": folder / "images", "another run folder": folder / "runs"}.get(kind)
    if hidden is not None:
        return ["unshare", "-m", "sh", "-c", f'mount -t tmpfs none {hidden} && exec "$@"', "sh"], {}
    other = folder / "other"
    if kind == "another version":
        shutil.copytree(ROOT / "se_nas", other / "se_nas", ignore=shutil.ignore_patterns("__pycache__"))
        with (other / "se_nas" / "wording.py").open("a") as file:
            file.write("# another version\n")
    elif kind == "no package":
        (other / "se_nas").mkdir(parents=True)
        (other / "se_nas" / "__init__.py").write_text("raise ModuleNotFoundError(\"No module named 'se_nas'\")\n")
    return [], {"PYTHONPATH": str(other)} if other.exists() else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines:
    """A cluster's address, and the `ray start` of each machine: the head, the good one, the bad one."""

    address: str
    starts: tuple[subprocess.Popen[bytes], ...]


@contextmanager
def cluster(kind: str, folder: Path) -> Iterator[Machines]:
    """Start a cluster of two good machines and the bad one; yield its machines."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ray = [str(Path(sys.executable).parent / "ray"), "start"]
    head = [*ray, "--head", "--port", str(port), "--temp-dir", str(folder / "ray"), "--include-dashboard", "false"]
    address = f"127.0.0.1:{port}"
    before, changed = wrong_machine(kind, folder)
    joins = [*ray, "--address", address]
    calls = [(head, {}), (joins, {}), ([*before, *joins], changed)]
    started: list[subprocess.Popen[bytes]] = []
    machines: list[subprocess.Popen[bytes]] = []
    try:
        for count, (call, changes) in enumerate(calls, start=1):
            there = processes_of(folder)
            for _ in range(ATTEMPTS):
                end(processes_of(folder) - there)  # what a start that took too long has left, e.g. on the head's port
                with (folder / f"machine{count}.log").open("w") as log:
                    process = subprocess.Popen(
                        [*call, *RAY],
                        cwd=folder,
                        env={**environment(), **changes},
                        stdout=log,
                        stderr=log,
                        start_new_session=True,
                    )
                started.append(process)
                if wait_for(count, address, process):
                    machines.append(process)
                    break
            else:
                raise RuntimeError(f"machine {count}: {(folder / f'machine{count}.log').read_text()[-1500:]}")
        yield Machines(address=address, starts=tuple(machines))
    finally:
        for process in started[::-1]:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait()
        end(processes_of(folder))  # what has outlived a `ray start` that was killed


def processes_of(folder: Path) -> set[psutil.Process]:
    """Ray's processes of the cluster whose files are in `folder`."""
    found = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if str(folder / "ray") in " ".join(process.cmdline()):
                found.add(process)
    return found


def end(processes: set[psutil.Process]) -> None:
    """Kill processes, and wait until they are gone."""
    for process in processes:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, timeout=60)


def wait_for(count: int, address: str, process: subprocess.Popen[bytes]) -> bool:
    """Wait until the cluster has `count` machines; False if that takes too long."""
    program = (
        "import logging, ray, sys\n"
        "ray.init(address=sys.argv[1], log_to_driver=False, logging_level=logging.CRITICAL)\n"
        "print(sum(node['Alive'] for node in ray.nodes()))\n"
    )
    ends = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < ends and process.poll() is None:
        call = [sys.executable, "-c", program, address]
        said = subprocess.run(call, capture_output=True, text=True, env=environment(), check=False).stdout
        if said.strip() == str(count):
            return True
        time.sleep(1)
    return False


def search_beside(kind: str, budget: int) -> tuple[str, ...]:
    """Measure one kind of bad machine; return a row of the table."""
    with tempfile.TemporaryDirectory(prefix="bad-") as name:
        folder = Path(name)
        write_images(folder / "images")
        (folder / "space.yaml").write_text(SPACE)
        (folder / "runs").mkdir()
        run = folder / "runs" / "run"
        with cluster(kind, folder) as machines:
            call = [sys.executable, str(ROOT / "launch" / "search.py"), "--space", str(folder / "space.yaml")]
            call += ["--data", f"imagefolder:{folder / 'images'}", "--budget", str(budget), "--epochs", "2"]
            call += ["--run", str(run), "--workers", "3", "--address", machines.address, "--wandb", "off"]
            call += ["--strategy", "random"]
            began = time.monotonic()
            # Ray gives each machine the folder in which the search starts: in this project's folder all have equal code
            done = subprocess.run(call, capture_output=True, text=True, env=environment(), check=False, cwd=folder)
            seconds = time.monotonic() - began
        with (run / "trials.csv").open() as file:
            states = [row["state"] for row in csv.DictReader(file)]
    lines = (done.stdout + done.stderr).splitlines()
    said = next((line for line in lines if "gets no work" in line or "come back through Ray" in line), "")
    failed = states.count("failed")
    return kind, str(done.returncode), f"{len(states) - failed} of {budget}", str(failed), f"{seconds:.0f}", said


def main() -> None:
    """Measure each kind, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=int, default=12)
    parser.add_argument("--kinds", nargs="*", default=KINDS, choices=KINDS)
    arguments = parser.parse_args()
    table = Table(
        "bad machine", "exit code", "ended well", "failed", "seconds", "said", title="Three machines, one bad"
    )
    rows = [search_beside(kind, arguments.budget) for kind in arguments.kinds]
    for row in rows:
        table.add_row(*row)
    Console(width=160).print(table)
    if any(row[1] != "0" or bool(row[-1]) != (row[0] != KINDS[0]) for row in rows):
        raise SystemExit("a search did not end well, or did not name the bad machine")


if __name__ == "__main__":
    main()

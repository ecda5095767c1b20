"""Does a search succeed on a hard day? 40 trials beside two busy processes, three "machines", one of them wrong.

    uv run benchmarks/hard_day.py

The machines are raylets on this machine; the wrong one has another version of se-nas. While the search runs, one
process of each kind is killed: a worker by SIGKILL, a worker by SIGSEGV, W&B's service, a good machine's raylet, the
driver by SIGKILL (then `--resume`), and at last the GCS of the cluster (then `--resume` on a new cluster). Prints each
action and each line that follows. Exit code 1 if a trial is missing or a loss has no line.
"""

import argparse
import csv
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np
import psutil
from bad_machine import ROOT, Machines, cluster, environment

SPACE = """\
# Question: for a hard day.
name: hard
image_size: 8
stem: {width: 8, stride: 2}
every_stage: {depth: 1, group_width: 8, se: {present: [false, true], reduction: [2, 4]}}
stages:
  - {width: [8, 16, 24, 32], stride: 2}
  - {width: [16, 24, 32, 40], stride: 2}
"""
BAD = "another version"
DONE_WORDS = ("complete", "pruned", "failed")
HANGS_SECONDS = 900.0
"""The seconds after which a missing event ends the day."""


def write_inputs(folder: Path) -> None:
    """A space of 144 networks, and 240 images of two classes that differ in brightness."""
    (folder / "space.yaml").write_text(SPACE)
    rng = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {}
    for name, count in (("train", 160), ("val", 40), ("test", 40)):
        labels = np.arange(count) % 2
        pixels = rng.integers(0, 120, (count, 8, 8, 3)) + 60 * labels[:, None, None, None]
        arrays |= {f"{name}_images": pixels.astype(np.uint8), f"{name}_labels": labels[:, None]}
    np.savez(folder / "tiny.npz", **arrays)


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Processes that compute all the time, at the niceness of this process."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


class Day:
    """A search in `folder`, its processes, and the faults that were found."""

    def __init__(self, folder: Path, budget: int) -> None:
        self.run, self.problems = folder / "run", list[str]()
        self._folder, self._budget, self._began = folder, budget, time.monotonic()
        self._driver: subprocess.Popen[bytes] | None = None
        self._log = folder / "log"
        self._read = 0

    def note(self, what: str) -> None:
        """Print an action, after the lines that the search has printed since the last note."""
        self.lines()
        print(f"{time.monotonic() - self._began:5.0f} s  == {what}", flush=True)

    def lines(self) -> list[str]:
        """The lines of the search since the last call, without those of successful trials."""
        if not self._log.exists():
            return []
        said = self._log.read_text()[self._read :]
        self._read += len(said)
        lines = said.splitlines()
        for line in lines:
            if not (line.startswith("trial ") and any(f"  {word}  " in line for word in DONE_WORDS[:2])):
                print(f"         {line}", flush=True)
        return lines

    def drive(self, address: str) -> None:
        """Start the search, or resume it, on a cluster."""
        call = [sys.executable, str(ROOT / "launch" / "search.py"), "--budget", str(self._budget), "--workers", "3"]
        call += ["--address", address, "--wandb", "offline"]
        if self.run.exists():
            call += ["--resume", str(self.run)]
        else:
            call += ["--run", str(self.run), "--space", str(self._folder / "space.yaml"), "--epochs", "4"]
            call += ["--data", f"npz:{self._folder / 'tiny.npz'}"]
        self.note(" ".join(["search.py", *call[2:]]))
        with self._log.open("a") as log:
            self._driver = subprocess.Popen(call, cwd=self._folder, env=environment(), stdout=log, stderr=log)

    def ended(self) -> int:
        """The number of trials with a result."""
        return len(list(self.run.glob("trials/*/result.json")))

    def wait_for(self, results: int) -> None:
        """Wait until the given number of trials has ended."""
        wait_until(lambda: self.ended() >= results or self.driver.poll() is not None, f"{results} results")
        if self.driver.poll() is not None:
            self.lines()
            raise RuntimeError(f"the search ended with exit code {self.driver.returncode} at {self.ended()} results")

    @property
    def driver(self) -> subprocess.Popen[bytes]:
        """The process of the search."""
        assert self._driver is not None
        return self._driver

    def expect_end(self, code: int, *words: str) -> None:
        """Check that the search ends with this exit code, and that its last line has these words."""
        begins = time.monotonic()
        self.driver.wait(HANGS_SECONDS)
        wait_until(lambda: not words or self._says(words[0]), f"a line with {words}", seconds=30.0)
        seconds = time.monotonic() - begins
        last = (self.lines() or [""])[-1]
        self.note(f"exit code {self.driver.returncode} after {seconds:.0f} s")
        if self.driver.returncode != code or not all(word in last for word in words):
            self.problems.append(f"exit code {self.driver.returncode}, not {code} with {words}: {last!r}")

    def _says(self, word: str) -> bool:
        return word in self._log.read_text()[self._read :]

    def check(self) -> None:
        """Check that every trial is counted, and that failed trials have a reason."""
        with (self.run / "trials.csv").open() as file:
            rows = list(csv.DictReader(file))
        states = Counter(row["state"] for row in rows)
        print(f"trials.csv: {len(rows)} of {self._budget} trials, {dict(states)}")
        missing = set(range(self._budget)) - {int(row["trial"]) for row in rows}
        if missing or len(rows) != self._budget:
            self.problems.append(f"trials without a row: {sorted(missing)}; {len(rows)} rows")
        for row in rows:
            if row["state"] not in DONE_WORDS or (row["state"] == "failed" and not row["reason"]):
                self.problems.append(f"a loss without a reason: {row}")
        whole = self._log.read_text()
        for words in ("gets no work", "W&B"):
            if words not in whole:
                self.problems.append(f"no line with {words!r}")


def wait_until(happens: Callable[[], bool], what: str, seconds: float = HANGS_SECONDS) -> None:
    """Wait for a condition; RuntimeError after `seconds`."""
    ends = time.monotonic() + seconds
    while not happens():
        if time.monotonic() > ends:
            raise RuntimeError(f"{what}: never came")
        time.sleep(0.1)


def below(start: subprocess.Popen[bytes], name: str) -> list[psutil.Process]:
    """The processes of a machine with this text in their command line."""
    found = []
    for process in psutil.Process(start.pid).children(recursive=True):
        with suppress(psutil.Error):
            if name in " ".join(process.cmdline()[:1]):
                found.append(process)
    return found


def kill_worker(day: Day, machines: Machines, number: signal.Signals) -> None:
    """Kill a worker that trains, as soon as there is one."""
    workers: list[psutil.Process] = []

    def train() -> bool:
        workers[:] = [each for start in machines.starts[:2] for each in below(start, "ray::Resource")]
        return bool(workers)

    wait_until(train, "a worker")
    workers[0].send_signal(number)
    day.note(f"{number.name} to a worker, process {workers[0].pid}")


def live(folder: Path, budget: int) -> list[str]:
    """Run the whole day; return the faults."""
    write_inputs(folder)
    day = Day(folder, budget)
    with ExitStack() as first:
        first.enter_context(busy(2))
        with cluster(BAD, folder) as machines:
            day.drive(machines.address)
            day.wait_for(budget * 3 // 40)
            kill_worker(day, machines, signal.SIGKILL)
            day.wait_for(budget * 7 // 40)
            kill_worker(day, machines, signal.SIGSEGV)
            day.wait_for(budget * 11 // 40)
            for process in psutil.Process(day.driver.pid).children(recursive=True):
                if "wandb-core" in " ".join(process.cmdline()):
                    process.kill()
                    day.note(f"SIGKILL to W&B's service, process {process.pid}")
            day.wait_for(budget * 15 // 40)
            for process in below(machines.starts[1], "raylet/raylet"):
                process.kill()
                day.note(f"SIGKILL to the raylet of a good machine, process {process.pid}")
            day.wait_for(budget * 20 // 40)
            day.driver.kill()
            day.note(f"SIGKILL to the driver at {day.ended()} results")
            day.expect_end(-signal.SIGKILL, "SIGKILL", "--resume")
            day.drive(machines.address)
            day.wait_for(budget * 28 // 40)
            for process in below(machines.starts[0], "gcs_server"):
                process.kill()
                day.note(f"SIGKILL to the cluster's GCS, process {process.pid}, at {day.ended()} results")
            day.expect_end(3, "--resume")
        shutil.rmtree(folder / "ray")
        shutil.rmtree(folder / "other")
        with cluster(BAD, folder) as machines:
            day.drive(machines.address)
            day.expect_end(0)
    day.check()
    return day.problems


def main() -> None:
    """Run the day with `--budget` trials."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=int, default=40)
    budget = parser.parse_args().budget
    with tempfile.TemporaryDirectory(prefix="day-", ignore_cleanup_errors=True) as name:
        problems = live(Path(name), budget)
    for problem in problems:
        print(f"WRONG: {problem}")
    print("a good end of a hard day" if not problems else f"{len(problems)} things went wrong")
    raise SystemExit(bool(problems))


if __name__ == "__main__":
    os.environ["WANDB_SILENT"] = "true"
    main()

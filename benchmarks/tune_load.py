"""What does Ray Tune cost the driver, beside the search? Trials that do nothing, through the executor of a search.

    uv run benchmarks/tune_load.py --in-flight 4 64

The search is replaced by a list of networks, so that nothing is proposed, judged or written. Prints the CPU time of the
driver's process (all of its threads), and of Ray's own processes on the machine (raylet and GCS), for each trial of
`EPOCHS` reports, after all workers have started; then what the driver takes for each second in which all trials
train and none reports. Each number of trials in flight has a process of its own. It adds to `overhead.py --in-flight`.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")

import psutil

from se_nas.execution.ray.tune import RayTuneExecutor
from se_nas.searching.failures import Failure
from se_nas.searching.tasks import EpochReport, TrialTask
from se_nas.space.architecture import Architecture

EPOCHS = 4
"""The reports of a trial: as many as the stopping rule leaves on average where it stops most trials."""
SILENT_SECONDS = 20.0
"""The seconds without a report at the end; the middle half is measured."""
SILENT = 1
"""The seed of a trial that waits before it reports."""


def do_nothing(task: TrialTask) -> Iterator[EpochReport]:
    """Yield the reports at once, or after a while if the trial is a silent one."""
    for epoch in range(1, EPOCHS + 1):
        if task.seed == SILENT and epoch == 1:
            time.sleep(SILENT_SECONDS)
        yield EpochReport(epoch=epoch, accuracy=0.5, seconds=0.0)


@dataclass
class Readings:
    """CPU seconds so far: of the driver, and of Ray's own processes."""

    driver: float = field(default_factory=time.process_time)
    ray: float = field(
        default_factory=lambda: sum(
            sum(each.cpu_times()[:2]) for each in psutil.Process().children() if each.name() in ("raylet", "gcs_server")
        )
    )


class Nothings:
    """A work of trials that do nothing: some until all workers have started, the measured ones, and silent ones."""

    def __init__(self, network: Architecture, in_flight: int, trials: int) -> None:
        self._network, self._in_flight, self._trials = network, in_flight, trials
        self._started = self._ended = 0
        self._warm = 3 * in_flight
        self._readings: list[Readings] = []
        self.found: dict[str, float] = {}

    def next_trial(self) -> TrialTask | None:
        """The next one."""
        total = self._warm + self._trials
        if self._started == total + self._in_flight:
            return None
        self._started += 1
        if self._started == total + self._in_flight:
            threading.Thread(target=self._watch_silence).start()
        return TrialTask(number=self._started, architecture=self._network, seed=SILENT * (self._started > total))

    def epoch_done(self, number: int, report: EpochReport) -> bool:
        """Count, and read the clocks before and after the measured trials."""
        if report.epoch < EPOCHS:
            return True
        self._ended += 1
        if self._ended in (self._warm, self._warm + self._trials - self._in_flight):
            self._readings.append(Readings())
        if len(self._readings) == 2 and not self.found:
            before, after = self._readings
            counted = self._trials - self._in_flight
            self.found["driver ms a trial"] = 1000 * (after.driver - before.driver) / counted
            self.found["Ray's processes ms a trial"] = 1000 * (after.ray - before.ray) / counted
        return False

    def fail(self, number: int, failure: Failure) -> None:
        """End the measurement."""
        raise RuntimeError(failure.text)

    def repeat(self, number: int) -> None:
        """End the measurement."""
        raise RuntimeError(f"trial {number} was lost")

    @property
    def is_over(self) -> bool:
        """Whether every trial has ended."""
        return self._ended == self._warm + self._trials + self._in_flight

    def _watch_silence(self) -> None:
        time.sleep(SILENT_SECONDS / 4)
        before = time.process_time()
        time.sleep(SILENT_SECONDS / 2)
        self.found["driver ms a silent second"] = 1000 * (time.process_time() - before) / (SILENT_SECONDS / 2)


def measure(in_flight: int, trials: int) -> dict[str, float]:
    """The figures with so many trials in flight."""
    from se_nas.commands.search.flags import DEFAULT_SPACE
    from se_nas.space.files.loading import load_design_space

    space = load_design_space(DEFAULT_SPACE)
    work = Nothings(space.decode(space.sample(Random(0))), in_flight, trials)
    executor = RayTuneExecutor(
        workers=in_flight, gpus_per_trial=0.0, address=None, data_bytes=1_000_000, epoch_seconds=600.0
    )
    executor.run(work, do_nothing)
    return work.found


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--in-flight", type=int, nargs="+", default=[4, 64])
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps({name: round(value, 1) for name, value in measure(options.child, options.trials).items()}))
        return
    for in_flight in options.in_flight:
        command = [sys.executable, str(Path(__file__)), "--child", str(in_flight), "--trials", str(options.trials)]
        found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1]
        print(f"{in_flight} in flight: {found}", flush=True)


if __name__ == "__main__":
    main()

"""Does a search get its share of a machine that others use too?

    uv run benchmarks/busy_machine.py

Runs the default search with two workers for two minutes: beside no other program and beside two programs that compute
without end, with the niceness that Ray gives its workers (15) and with the search's own (0). Prints the number of ended
trials per minute, and the seconds until the first trial ended.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
COMPUTE = "while True: pass"


def measure(*, busy: int, niceness: int, workers: int, seconds: float) -> tuple[float, float | None]:
    """Trials that ended per minute, from the start of the first training, and seconds until the first trial ended."""
    with tempfile.TemporaryDirectory(prefix="busy-", ignore_cleanup_errors=True) as folder:
        run = Path(folder) / "run"
        flags = ["--budget", "1000", "--workers", str(workers), "--wandb", "off", "--strategy", "random"]
        command = [sys.executable, str(ROOT / "launch" / "search.py"), *flags, "--run", str(run)]
        environment = {**os.environ, "RAY_worker_niceness": str(niceness)}
        others = [subprocess.Popen([sys.executable, "-c", COMPUTE]) for _ in range(busy)]
        search = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not (run / "trials" / "0000").exists() and search.poll() is None:
                time.sleep(0.1)
            began, first, ended = time.monotonic(), None, 0
            while (passed := time.monotonic() - began) < seconds and search.poll() is None:
                ended = len(list(run.glob("trials/*/result.json")))
                first = passed if first is None and ended else first
                time.sleep(0.1)
            return 60 * ended / seconds, first
        finally:
            for each in others:
                each.kill()
                each.wait()
            search.terminate()
            search.wait()


def main() -> None:
    """Measure the four cases, and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120.0, help="of each case")
    parser.add_argument("--busy", type=int, default=2, help="other programs")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    table = Table(box=None)
    for column in ("other programs", "niceness of workers", "trials a minute", "seconds to the first"):
        table.add_column(column)
    for busy in (options.busy, 0):
        for niceness in (15, 0):
            rate, first = measure(busy=busy, niceness=niceness, workers=options.workers, seconds=options.seconds)
            shown = "none ended" if first is None else f"{first:.1f}"
            table.add_row(str(busy), str(niceness), f"{rate:.1f}", shown)
            print(f"{busy} other programs, niceness {niceness}: {rate:.1f} trials a minute, first: {shown}", flush=True)
    Console().print(table)


if __name__ == "__main__":
    main()

"""How many trials an hour does a whole search train, and how much of the time does the GPU compute?

    uv run benchmarks/search_rate.py --data digits --space search_spaces/small.yaml --budget 6 --epochs 2
    uv run benchmarks/search_rate.py --data npz:cifar10.npz --budget 16 --epochs 8 --workers 1

Runs `launch/search.py`, and counts the trials and epochs of its table. Its seconds are those from the command to its
end, so they contain the imports, the compilation of kernels and the report. `--workers 1` trains in one process and
needs no Ray.
"""

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from gpu_use import GpuUse

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Parse the flags, search, and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="images, as for launch/search.py")
    parser.add_argument("--space", type=Path, default=ROOT / "search_spaces" / "cifar.yaml")
    parser.add_argument("--budget", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--workers", type=int, help="trials at a time; default: as many as fit")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="search-rate-") as folder:
        run = Path(folder) / "run"
        command = [sys.executable, str(ROOT / "launch" / "search.py"), "--wandb", "off", "--run", str(run)]
        for name in ("data", "space", "budget", "epochs", "workers"):
            if (value := getattr(options, name)) is not None:
                command += [f"--{name}", str(value)]
        began = time.perf_counter()
        with GpuUse() as use:
            code = subprocess.run(command).returncode
        seconds = time.perf_counter() - began
        if code:
            sys.exit(code)
        with (run / "trials.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
    states = Counter(row["state"] for row in rows)
    epochs = sum(int(row["epochs"]) for row in rows)
    training = sum(float(row["seconds"] or 0) for row in rows)
    print(f"{len(rows)} trials ({', '.join(f'{count} {state}' for state, count in states.items())}), {epochs} epochs")
    print(f"{seconds:.1f} s in all, {training:.1f} s of training: {3600 * len(rows) / seconds:,.0f} trials an hour")
    print(use)


if __name__ == "__main__":
    main()

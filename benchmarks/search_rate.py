"""How many trials an hour does a whole search train, and how much of the time does the GPU compute?

    uv run benchmarks/search_rate.py --data digits --space search_spaces/small.yaml --budget 6 --epochs 2
    uv run benchmarks/search_rate.py --data npz:cifar10.npz --budget 16 --epochs 8 --workers 1
    uv run --with-requirements benchmarks/peers.txt benchmarks/search_rate.py --data digits \
        --space search_spaces/small.yaml --budget 6 --epochs 2 --peer 6

Runs `launch/search.py`, and counts the trials and epochs of its table. Its seconds are those from the command to its
end, so they contain the imports, the compilation of kernels and the report. `--workers 1` trains in one process and
needs no Ray.

`--peer N` then trains the first N networks of the search again by Ray Tune with Lightning (`tune_lightning.py`), each
for as many epochs as the search did, and as many at a time as `--workers`. There, nothing is proposed or judged. Its
seconds contain the start and the end of Ray. The ratio is that of trained epochs an hour.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from gpu_use import GpuUse
from tune_lightning import Shared, Training, seconds_of_all

import se_nas
from se_nas.data.sources import load_data
from se_nas.machine.limits import cpu_count
from se_nas.space.files.loading import load_design_space

ROOT = Path(__file__).parents[1]


def searched(options: argparse.Namespace, run: Path) -> float:
    """Search, print the counts, and return the trained epochs an hour. SystemExit if the search fails."""
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
    print(use, flush=True)
    return 3600 * epochs / seconds


def trained_by_peer(options: argparse.Namespace, run: Path, folder: Path) -> float:
    """Train the first networks of the run again by the peer, print, and return the trained epochs an hour."""
    loaded = se_nas.load_run(run)
    ended = [record for record in loaded.records if record.curve][: options.peer]
    trainings = [Training(loaded.architecture(record), len(record.curve)) for record in ended]
    data = load_data(options.data, image_size=load_design_space(options.space).image_size)
    at_once = options.workers or 1
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    recipe = se_nas.SearchRequest(data=options.data, epochs=options.epochs).trial_recipe
    batch_size = recipe.batch_size_for(len(data.train))
    shared = Shared(data, batch_size, device, at_once, loaders=max(1, cpu_count() // at_once - 1))
    with GpuUse() as use:
        seconds = seconds_of_all(trainings, shared, folder)
    epochs = sum(training.epochs for training in trainings)
    print(f"Ray Tune with Lightning, {at_once} at a time, {shared.loaders} DataLoader processes each: ", end="")
    print(f"{len(trainings)} trials, {epochs} epochs, {seconds:.1f} s in all: ", end="")
    print(f"{3600 * len(trainings) / seconds:,.0f} trials an hour")
    print(use)
    return 3600 * epochs / seconds


def main() -> None:
    """Parse the flags, search, train by the peer, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="images, as for launch/search.py")
    parser.add_argument("--space", type=Path, default=ROOT / "search_spaces" / "cifar.yaml")
    parser.add_argument("--budget", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--workers", type=int, help="trials at a time; default: as many as fit, but 1 for the peer")
    parser.add_argument("--peer", type=int, default=0, metavar="N", help="train the first N networks by the peer too")
    options = parser.parse_args()
    if options.peer and find_spec("lightning") is None:
        parser.error(
            "--peer needs Lightning: uv run --with-requirements benchmarks/peers.txt benchmarks/search_rate.py"
        )
    with tempfile.TemporaryDirectory(prefix="search-rate-") as folder:
        run = Path(folder) / "run"
        ours = searched(options, run)
        if options.peer:
            peers = trained_by_peer(options, run, Path(folder) / "peer")
            print(f"the search trained {ours:,.0f} epochs an hour, the peer {peers:,.0f}: {ours / peers:.2f} times")


if __name__ == "__main__":
    main()

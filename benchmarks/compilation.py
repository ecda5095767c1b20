"""Does compiling the blocks of each network pay over a search? Eager and compiled steps, and the time of compiling.

    uv run benchmarks/compilation.py
    uv run benchmarks/compilation.py --space search_spaces/imagenet.yaml --batch 64 --device cuda

Draws networks from a space and compiles each of their blocks by itself (`torch.compile`'s regional compilation), first
with an empty cache on disk and then again in a new process with the cache that the first has filled, as a later trial
would find it for blocks of the same shape. Prints the median step, eager and compiled, taken in turn; the seconds until
the first compiled step is done; and the number of steps after which a trial has saved this time. Needs a C++ compiler
on a CPU.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from rich.console import Console
from rich.table import Table

from se_nas.space.files.loading import load_design_space
from se_nas.training.devices.device import prepare, synchronise
from se_nas.training.devices.timing import seconds_in_turn
from se_nas.training.step.precision import bare_step, usual_precision
from se_nas.training.trainer import build_initial_model

SPACES = Path(__file__).parents[1] / "search_spaces"


def measure(options: argparse.Namespace) -> None:
    """Measure in a process of its own; print a JSON object for each network."""
    device = options.device
    prepare(device)
    torch._dynamo.config.recompile_limit = 1_000  # every shape of a block is compiled, by one function of Python
    space = load_design_space(options.space)
    rng = Random(0)
    images = torch.randn(options.batch, 3, space.image_size, space.image_size, device=device)
    precision = usual_precision(device)
    for _ in range(options.networks):
        architecture = space.decode(space.sample(rng))
        eager, compiled = (
            build_initial_model(architecture, num_classes=10, seed=0).to(device) for _ in ("eager", "compiled")
        )
        for stage in list(compiled.children())[1:-1]:
            for block in stage.children():
                block.compile()
        steps = [bare_step(model, precision, images) for model in (eager, compiled)]
        began = time.perf_counter()
        steps[1]()
        synchronise(device)
        waited = time.perf_counter() - began
        times = seconds_in_turn(steps, device, warm_ups=2, repeats=options.steps)
        print(json.dumps([waited, *map(statistics.median, times)]), flush=True)


def main() -> None:
    """Parse the flags, measure with and without a filled cache, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", type=Path, default=SPACES / "cifar.yaml")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--networks", type=int, default=4)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        measure(options)
        return
    table = Table(title=f"{options.space.stem}, batches of {options.batch} on {options.device.type}", box=None)
    for column in (
        "cache",
        "network",
        "eager (ms)",
        "compiled (ms)",
        "ratio",
        "compiling (s)",
        "won back after (steps)",
    ):
        table.add_column(column, justify="right")
    with tempfile.TemporaryDirectory(prefix="compilation-") as cache:
        for state in ("empty", "filled"):
            child = subprocess.run(
                [sys.executable, __file__, *sys.argv[1:], "--child"],
                env={**os.environ, "TORCHINDUCTOR_CACHE_DIR": cache},
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            for number, line in enumerate(child.stdout.splitlines()):
                waited, eager, compiled = json.loads(line)
                steps = math.ceil(waited / (eager - compiled)) if compiled < eager else math.inf
                each = [f"{1000 * eager:.1f}", f"{1000 * compiled:.1f}", f"{compiled / eager:.2f}", f"{waited:.1f}"]
                table.add_row(state, str(number), *each, f"{steps:,.0f}")
    Console(width=140).print(table)


if __name__ == "__main__":
    main()

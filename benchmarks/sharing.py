"""How many trials should train at a time on one device? Networks per hour, alone and together.

    uv run benchmarks/sharing.py npz:cifar10.npz
    uv run benchmarks/sharing.py npz:cifar10.npz --device cuda --at-once 1 2 4 8 --networks 32 --epochs 4

Draws networks from a space and trains them for a few epochs as a search does. `--at-once` processes train the same
networks each time; a process takes the next network when it has finished one. One-time work does not count: all
networks are first trained on few images, so that their kernels are compiled, and each process begins with one of them
again. Prints networks per hour, the ratio to the first of `--at-once`, and on a GPU the memory of all together and the
fraction of the time in which it computes. For NVIDIA's MPS, start its daemon before. It needs neither Ray, Optuna nor
fvcore.
"""

import argparse
import os
import time
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from random import Random
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from gpu_use import GpuUse
from rich.console import Console

from se_nas.data.batches.device_data import DeviceData
from se_nas.data.image_data import ImageData, ImageSet
from se_nas.data.sources import load_data
from se_nas.errors import InputError
from se_nas.space.architecture import Architecture
from se_nas.space.files.loading import load_design_space
from se_nas.training.devices.device import prepare, synchronise
from se_nas.training.recipe import Recipe
from se_nas.training.trainer import Trainer, build_initial_model, train
from se_nas.wording import counted

SPACES = Path(__file__).parents[1] / "search_spaces"
START_SECONDS, LONGEST_SECONDS = 300, 3_600
"""The seconds after which a dead process is given up."""
FEWEST_CLASSES = 2
WARM_UP_SHARE = 16
"""The fraction of the images for the training that does not count: every sixteenth image."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """The settings that every process has."""

    data: ImageData
    recipe: Recipe
    device: torch.device

    def train(self, architecture: Architecture, images: DeviceData) -> None:
        """Train one network to the end."""
        model = build_initial_model(architecture, num_classes=self.data.classes, seed=0)
        for _ in train(Trainer(model, images, self.recipe, seed=0, device=self.device)):
            pass
        synchronise(self.device)


def take_turns(work: Work, warm_up: Architecture, tasks: Any, ready: Barrier, done: Any) -> None:
    """Work of one process: train the networks in `tasks` until it is empty, and report the used memory of the GPU."""
    prepare(work.device)
    images = DeviceData.of(
        work.data.train, work.data.validation, mirrored=work.data.mirrored, device=work.device, loaders=1
    )
    work.train(warm_up, images)
    ready.wait(START_SECONDS)
    used = 0
    while (architecture := tasks.get()) is not None:
        work.train(architecture, images)
        if work.device.type == "cuda":
            free, total = torch.cuda.mem_get_info(work.device)
            used = max(used, total - free)
    done.put(used)


def measure(work: Work, architectures: list[Architecture], at_once: int) -> tuple[float, int, GpuUse]:
    """Train all networks; return (seconds for all, bytes in use on the GPU, how much the GPU computed)."""
    context = get_context("forkserver")  # its server has imported torch once, and has not touched the GPU
    context.set_forkserver_preload(["torch", "se_nas.data.sources", "se_nas.training.trainer"])
    tasks, done, ready = context.Queue(), context.Queue(), context.Barrier(at_once + 1)
    for task in [*architectures, *[None] * at_once]:
        tasks.put(task)
    each = partial(take_turns, work, architectures[0], tasks, ready, done)
    processes = [context.Process(target=each, daemon=True) for _ in range(at_once)]
    for process in processes:
        process.start()
    ready.wait(START_SECONDS)
    began = time.perf_counter()
    with GpuUse() as use:
        used = [done.get(timeout=LONGEST_SECONDS) for _ in processes]
    seconds = time.perf_counter() - began
    for process in processes:
        process.join()
    return seconds, max(used), use


def main() -> None:
    """Parse the flags, train, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="images, as for launch/search.py")
    parser.add_argument("--space", type=Path, default=SPACES / "cifar.yaml")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--networks", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--turns", type=int, default=1)
    options = parser.parse_args()
    space = load_design_space(options.space)
    data = load_data(options.data, image_size=space.image_size)
    rng = Random(0)
    architectures = [space.decode(space.sample(rng)) for _ in range(options.networks)]
    work = Work(data=data, recipe=Recipe(epochs=options.epochs), device=options.device)
    console = Console(width=140, highlight=False)
    console.print(f"{options.networks} networks of {options.space.stem}, {options.epochs} epochs")
    assert isinstance(data.train, ImageSet)
    few = data.train.subset(np.arange(len(data.train)) % WARM_UP_SHARE == 0)
    if len(np.unique(few.labels)) < FEWEST_CLASSES:
        raise InputError(
            f"{options.data}: each {WARM_UP_SHARE}th training image is used for a first training, and each of these "
            f"has the same class ({counted(len(few), 'image')}); give more images, or shuffle them"
        )
    compiling, *_ = measure(replace(work, data=replace(data, train=few)), architectures, max(options.at_once))
    console.print(f"all trained on {len(few)} images, so that their kernels are compiled: {compiling:.1f} s")
    for turn in range(options.turns):
        first = 0.0
        for at_once in options.at_once:
            seconds, used, use = measure(work, architectures, at_once)
            first = first or seconds
            hourly = 3600 * len(architectures) / seconds
            memory = f", {used / 1e9:.1f} GB, {use}" if used else ""
            console.print(
                f"turn {turn}, {at_once:2} at once: {seconds:7.1f} s, {hourly:8,.0f} networks an hour, "
                f"{first / seconds:.2f} times the first{memory}"
            )


if __name__ == "__main__":
    try:
        main()
    except InputError as problem:
        raise SystemExit(f"sharing: {problem}") from None

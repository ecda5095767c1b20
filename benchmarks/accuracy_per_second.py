"""How accurate is a network after a number of seconds of training? On CIFAR-10, beside airbench's published figures.

    uv run benchmarks/accuracy_per_second.py cifar10 --device cuda --epochs 10 20 50
    uv run benchmarks/accuracy_per_second.py npz:cifar10.npz --epochs 2

RegNetY-200MF with its stem at stride 1 and the search's own step and recipe. The test images are used once, at the end.
Seconds are of training alone: images in place, networks built, kernels warm. Published for an A100 (Jordan, "94% on
CIFAR-10 in 3.29 Seconds on a Single GPU", arXiv 2404.00498, and its repository KellerJordan/cifar10-airbench): 94 % in
2.59 s, counted in the same way. Re-compressed copies of CIFAR-10 are not comparable with it.
"""

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from rich.console import Console
from rich.table import Table
from trial_speed import regnety_200mf

from se_nas.data.batches.device_data import DeviceData, place
from se_nas.data.sources import load_data
from se_nas.training.devices.device import prepare, synchronise
from se_nas.training.recipe import Recipe
from se_nas.training.trainer import Trainer, build_initial_model, train


def main() -> None:
    """Train once for each number of epochs, and print the accuracies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="images, as for launch/search.py")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--epochs", type=int, nargs="+", default=[10, 20])
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    device = options.device
    prepare(device)
    data = load_data(options.data, image_size=32)
    images = DeviceData.of(data.train, data.validation, mirrored=data.mirrored, device=device, loaders=1)
    tests = place(data.test, device, loaders=1)
    table = Table(title=f"RegNetY-200MF on {len(data.train):,} images, batches of {options.batch}", box=None)
    for column in ("epochs", "seconds", "test accuracy (%)"):
        table.add_column(column, justify="right")
    for epochs in [1, *options.epochs]:  # the first training warms up
        model = build_initial_model(regnety_200mf(), num_classes=data.classes, seed=options.seed)
        recipe = Recipe(epochs=epochs, batch_size=options.batch)
        trainer = Trainer(model, images, recipe, seed=options.seed, device=device)
        synchronise(device)
        began = time.perf_counter()
        for _ in train(trainer):
            pass
        synchronise(device)
        seconds = time.perf_counter() - began
        table.add_row(str(epochs), f"{seconds:.2f}", f"{100 * trainer.evaluate(tests):.2f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()

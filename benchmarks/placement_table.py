"""Trains one trunk with SE at each placement on paired seeds, and keeps the accuracy after each epoch: an open table.

    uv run benchmarks/placement_table.py --space benchmarks/tables/resnet20.yaml --data npz:cifar10_10k.npz \
        --placements habit --seeds 5 --epochs 8 --out benchmarks/tables/resnet20.csv

The space decides on SE alone. `--placements habit` trains SE nowhere, everywhere, and in each stage alone; `all` trains
every network of the space. All placements of a seed are trained before the next seed begins, so the table is balanced
whenever it stops. Rows that OUT.csv has already are not trained again: the same command continues after an
interruption, and more seeds may be asked for. At the end, the gains over SE nowhere are printed, with intervals that
hold together with 95 %. `--epochs 0` prints without training. All trainings of a table have one `--device`: the same
seed gives other accuracies on another.
"""

import argparse
import csv
import os
from collections.abc import Container, Iterator, Mapping
from itertools import product
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from one_at_a_time import PairedAccuracies
from placement_rows import COLUMNS, NOWHERE, LastEpoch, Rows, placement_name, read_rows
from rich.console import Console
from rich.table import Table

from se_nas.data.batches.device_data import DeviceData
from se_nas.data.sources import load_data
from se_nas.errors import InputError
from se_nas.files import write_atomically
from se_nas.models.cost import measure_cost
from se_nas.space.architecture import Architecture
from se_nas.space.design_space import DesignSpace
from se_nas.space.files.loading import load_design_space
from se_nas.training.devices.device import prepare
from se_nas.training.recipe import Recipe
from se_nas.training.recipe_file import load_recipe
from se_nas.training.trainer import Trainer, build_initial_model, train


def placements(space: DesignSpace) -> dict[str, Architecture]:
    """Each network of the space, by the numbers of its stages with SE. InputError if more than SE is decided."""
    if other := [name for name, decision in space.decisions.items() if set(decision.values() or ()) != {False, True}]:
        raise InputError(f"{space.name}: only the presence of SE may be decided, but so is {', '.join(other)}")
    networks = {}
    for chosen in product((False, True), repeat=len(space.decisions)):
        network = space.decode(dict(zip(space.decisions, chosen, strict=True)))
        networks[placement_name(network.se_tokens)] = network
    return networks


def is_habit(name: str, stages: int) -> bool:
    """Whether a placement is nowhere, everywhere, or one stage alone."""
    return name == NOWHERE or name.count("+") in (0, stages - 1)


def curve(
    network: Architecture, images: DeviceData, recipe: Recipe, *, classes: int, seed: int, device: torch.device
) -> Iterator[list[str]]:
    """Epoch, accuracy and training loss after each epoch of one training."""
    model = build_initial_model(network, num_classes=classes, seed=seed)
    for result in train(Trainer(model, images, recipe, seed=seed, device=device)):
        yield [str(result.epoch), f"{result.accuracy:.4f}", f"{result.loss:.4f}"]


def keep_whole_trainings(out: Path, ended: Container[tuple[str, int]]) -> None:
    """Write the table again without the rows of trainings that did not end, e.g. since the process was killed."""
    rows = [row for row in read_rows(out) if (row["placement"], int(row["seed"])) in ended]
    lines = [",".join(COLUMNS), *(",".join(row[column] for column in COLUMNS) for row in rows)]
    write_atomically(out, "".join(f"{line}\n" for line in lines))


def record(networks: Mapping[str, Architecture], options: argparse.Namespace, image_size: int) -> None:
    """Train what the table lacks, and append a training's rows when it has ended."""
    recipe = Recipe(epochs=options.epochs)
    if options.recipe:
        recipe = load_recipe(options.recipe, epochs=options.epochs, usual_epochs=options.epochs)
    data = load_data(options.data, image_size=image_size)
    device = options.device
    images = DeviceData.of(data.train, data.validation, mirrored=data.mirrored, device=device, image_size=image_size)
    ended = {
        (row["placement"], int(row["seed"]))
        for row in read_rows(options.out)
        if row["flops"] and int(row["epoch"]) == recipe.epochs
    }
    costs = {
        name: measure_cost(network, image_size=image_size, num_classes=data.classes).as_dict()
        for name, network in networks.items()
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    keep_whole_trainings(options.out, ended)
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for name, network in networks.items():
            if (name, seed) in ended:
                continue
            cost = [str(int(costs[name]["params"])), str(int(costs[name]["flops"]))]
            rows = [
                [name, str(seed), *row, *cost]
                for row in curve(network, images, recipe, classes=data.classes, seed=seed, device=device)
            ]
            with options.out.open("a", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows(rows)
            print(f"seed {seed}, SE {name}: {rows[-1][3]}", flush=True)


def show(rows: Rows, console: Console) -> None:
    """Print the mean accuracy of each placement after the last epoch, and its gain over SE nowhere."""
    last = LastEpoch.of(rows)
    accuracies = last.accuracies
    costs = {row["placement"]: (int(row["params"]), int(row["flops"])) for row in rows}
    paired = PairedAccuracies(accuracies)
    console.print(f"after {last.epoch} epochs, {len(paired.seeds)} paired seeds")
    console.print(f"one training deviates by {100 * paired.deviation:.2f} points")
    table = Table(box=None)
    for column in ("SE in stage", "parameters", "MFLOPs", "accuracy %", "gain, points", "half of its 95 % interval"):
        table.add_column(column, justify="right")
    for name, by_seed in accuracies.items():
        cells = [name, f"{costs[name][0]:,}", f"{costs[name][1] / 1e6:.2f}"]
        cells.append(f"{100 * sum(by_seed[seed] for seed in paired.seeds) / len(paired.seeds):.2f}")
        if name != NOWHERE:
            gain = paired.gain(name, NOWHERE, among=len(accuracies) - 1)
            cells += [f"{100 * gain.mean:+.2f}", f"{100 * gain.half_width:.2f}"]
        table.add_row(*cells)
    console.print(table)


def main() -> None:
    """Parse the flags, train, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", type=Path, required=True, help="a YAML file that decides on SE alone")
    parser.add_argument("--data", required=True, help="as in launch/search.py")
    parser.add_argument("--placements", choices=("habit", "all"), default="habit")
    parser.add_argument("--seeds", type=int, default=5, help="how many")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--recipe", type=Path, help="a file of recipes/; default: the recipe of a search")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    prepare(options.device)
    torch.set_num_threads(1)
    space = load_design_space(options.space)
    networks = placements(space)
    if options.placements == "habit":
        networks = {name: network for name, network in networks.items() if is_habit(name, len(space.se))}
    if options.epochs:
        record(networks, options, space.image_size)
    show(read_rows(options.out), Console(width=110))


if __name__ == "__main__":
    main()

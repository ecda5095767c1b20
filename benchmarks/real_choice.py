"""The networks that a user receives from searches on real training: their true accuracy at three budgets of FLOPs.

    uv run --with-requirements benchmarks/peers.txt benchmarks/real_choice.py --data npz:cifar10_10k.npz --seeds 3

Each method searches for the same number of epochs (`real_search.py`), one trial at a time. For each budget it chooses
one fully trained network: by what the model expects where it is ours, by the observed accuracy where it is not or the
model expects nothing yet. Each chosen network is trained again on fresh seeds, and tested on the test images, which no
search has seen. A budget is a quantile of the logarithm of the FLOPs of 1,000 drawn networks. OUT.csv has a row for
each choice, with the accuracies of its fresh trainings. Searches that OUT.csv has already are not run again: the same
command continues after an interruption, and more seeds may be asked for. Intervals are 95 % by Student's t over the
searches, whose seeds are paired.
"""

import argparse
import csv
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from numpy.typing import NDArray
from real_search import METHODS, Ours, Task, search
from rich.console import Console
from rich.table import Table
from scipy.stats import t

from se_nas.data.portion import Portion, with_portion
from se_nas.data.sources import load_data
from se_nas.seeds import derive_seed
from se_nas.space.decisions import Assignment
from se_nas.space.files.loading import load_design_space
from se_nas.training.devices.device import prepare

COMPARED = ("front + FrontPruner", "front, no pruning", "multivariate TPE", "random")
BUDGET_QUANTILES = (0.25, 0.5, 1.0)
COLUMNS = ("method", "seed", "budget", "trial", "flops", "reported", "accuracies")

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Choice:
    """The network that a search hands out for a budget of FLOPs, with the accuracy that it reports."""

    budget: float
    trial: int
    assignment: Assignment
    flops: float
    reported: float


def choices(task: Task, method: str, seed: int, epochs: int, budgets: Sequence[float]) -> list[Choice]:
    """The choice of one search for each budget that one of its complete trials fits."""
    chosen = METHODS[method](task, seed)
    rows = [row for row in search(task, chosen, seed, epochs) if row["state"] == "complete"]
    expected = chosen.expected() if isinstance(chosen, Ours) and method in COMPARED[:2] else {}
    found = []
    for budget in budgets:
        fitting = [row for row in rows if row["flops"] <= budget]
        if fitting:
            best, reported = best_of(fitting, expected)
            found.append(Choice(budget, best["trial"], best["assignment"], best["flops"], reported))
    return found


def best_of(rows: Sequence[dict[str, Any]], expected: Mapping[int, float]) -> tuple[dict[str, Any], float]:
    """The best trial and its accuracy: as expected, among the trials with an expectation; as observed if none has one.

    An expectation is drawn towards the mean and an observation is not, so the two are never compared.
    """
    of_trial = {row["trial"]: expected[row["trial"]] for row in rows if row["trial"] in expected}
    of_trial = of_trial or {row["trial"]: row["curve"][-1] for row in rows}
    best = max((row for row in rows if row["trial"] in of_trial), key=lambda row: of_trial[row["trial"]])
    return best, of_trial[best["trial"]]


def tested(task: Task, assignment: Assignment, seeds: int) -> list[float]:
    """The accuracy on the test images after each of a number of fresh trainings."""
    on_test = replace(task, data=replace(task.data, validation=task.data.test))
    return [list(on_test.train(assignment, derive_seed(0, "fresh", seed)))[-1] for seed in range(seeds)]


def job(args: tuple[str, int]) -> tuple[str, int, list[dict[str, Any]]]:
    """Run one search, and test its choices, in a process of its own: method, seed, and the rows of the table."""
    prepare(TASK.device)
    torch.set_num_threads(1)
    method, seed = args
    known: dict[str, list[float]] = {}
    rows = []
    for choice in choices(TASK, method, seed, OPTIONS.total_epochs, BUDGETS):
        network = TASK.space.decode(choice.assignment).fingerprint()
        if network not in known:
            known[network] = tested(TASK, choice.assignment, OPTIONS.fresh_seeds)
        cells = (method, seed, choice.budget, choice.trial, choice.flops, choice.reported, known[network])
        rows.append(dict(zip(COLUMNS, cells, strict=True)))
    return method, seed, rows


def read_choices(out: Path) -> list[dict[str, Any]]:
    """The rows of a table; none if it does not exist yet."""
    if not out.exists():
        return []
    with out.open(newline="") as file:
        return [
            {name: row[name] if name == "method" else json.loads(row[name]) for name in COLUMNS}
            for row in csv.DictReader(file)
        ]


def show(rows: Sequence[dict[str, Any]], budgets: Sequence[float], seeds: Sequence[int], console: Console) -> None:
    """Print mean test accuracy, optimism, and the paired difference to ours for each budget and method.

    `seeds` are the seeds of all searches. A method has figures for a budget if each of its searches found a network.
    """
    table = Table(box=None, title="test accuracy of the chosen networks on fresh seeds, in %", title_justify="left")
    for column in ("MFLOPs at most", "method", "mean", "reported", "less than ours", "half of its 95 % interval"):
        table.add_column(column, justify="right")
    for budget in budgets:
        truth = {}
        for method in COMPARED:
            own = {row["seed"]: row for row in rows if row["method"] == method and row["budget"] == budget}
            if missing := [str(seed) for seed in seeds if seed not in own]:
                lacking = f"no network within this budget with seed {', '.join(missing)}"
                table.add_row(f"{budget / 1e6:.2f}", method, lacking)
                continue
            truth[method] = 100 * np.array([float(np.mean(own[seed]["accuracies"])) for seed in seeds])
            reported = 100 * float(np.mean([own[seed]["reported"] for seed in seeds]))
            cells = [f"{budget / 1e6:.2f}", method, f"{truth[method].mean():.2f}", f"{reported:.2f}"]
            if method != COMPARED[0] and COMPARED[0] in truth:
                cells += _less(truth[COMPARED[0]] - truth[method])
            table.add_row(*cells)
    console.print(table)


def _less(differences: Values) -> list[str]:
    count = len(differences)
    half = t.ppf(0.975, count - 1) * differences.std(ddof=1) / np.sqrt(count) if count > 1 else np.inf
    return [f"{differences.mean():+.2f}", f"{half:.2f}"]


OPTIONS = argparse.Namespace()
TASK: Task
BUDGETS: list[float] = []


def main() -> None:
    """Parse the flags, search, train the choices again, and print the table."""
    global TASK
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="as in launch/search.py")
    parser.add_argument("--fraction", type=float, default=1.0, help="of the images for training and validation")
    parser.add_argument("--space", type=Path, default=Path("search_spaces/cifar_cpu.yaml"))
    parser.add_argument("--epochs", type=int, default=8, help="of a full training")
    parser.add_argument("--total-epochs", type=int, default=240, help="of a search")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--fresh-seeds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--out", type=Path, default=Path("real_choice.csv"))
    parser.parse_args(namespace=OPTIONS)
    space = load_design_space(OPTIONS.space)
    data = load_data(OPTIONS.data, image_size=space.image_size)
    data = with_portion(data, Portion(fraction=OPTIONS.fraction))
    TASK = Task(space, data, OPTIONS.epochs, device=OPTIONS.device)
    rng = Random(0)
    drawn = [TASK.inspect(space.sample(rng)) for _ in range(1000)]
    flops = np.log([seen.cost["flops"] for seen in drawn if seen is not None])
    BUDGETS[:] = np.exp(np.quantile(flops, BUDGET_QUANTILES)).tolist()
    found = read_choices(OPTIONS.out)
    if {row["budget"] for row in found} - set(BUDGETS):
        raise SystemExit(f"real_choice: {OPTIONS.out} has other budgets of FLOPs than this command; give another --out")
    known = {(row["method"], row["seed"]) for row in found}
    jobs = [(method, seed) for seed in range(OPTIONS.seeds) for method in COMPARED if (method, seed) not in known]
    with get_context("fork").Pool(OPTIONS.processes) as pool, OPTIONS.out.open("a", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=COLUMNS)
        if not file.tell():
            writer.writeheader()
        for method, seed, rows in pool.imap_unordered(job, jobs):
            texts = ", ".join(f"{100 * float(np.mean(row['accuracies'])):.1f} %" for row in rows)
            print(f"seed {seed}  {method:22s} {texts}", flush=True)
            writer.writerows(rows)
            file.flush()
            found += rows
    show(found, BUDGETS, range(OPTIONS.seeds), Console(width=120))


if __name__ == "__main__":
    main()

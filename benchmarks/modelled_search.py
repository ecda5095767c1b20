"""Replays searches on a model of the trainings of earlier searches: how many trials are stopped, and does that pay?

    uv run benchmarks/modelled_search.py runs/FEW_STOPPED runs/ANOTHER --searches 10

The folders are searches of the same space on the same images. For each epoch, a surrogate learns the accuracy of a
network from all their trials. Its prediction is the network's true accuracy. A training adds the residuals of a random
complete trial of the first folder, so that folder should be one that stopped few trials. Two workers train at a time.
The time of an epoch depends on the FLOPs, and deviates at random by about a tenth.

Prints the trials that were stopped, and the hypervolume of the true accuracies and log FLOPs of the fully trained
networks: after all trials of the budget, and after equal epochs of training.
"""

import argparse
import heapq
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import moocore
import numpy as np
from numpy.typing import NDArray
from real_search import Ours
from rich.console import Console
from rich.table import Table

from se_nas.commands.run_loading import load_progress
from se_nas.errors import InputError
from se_nas.models.cost import measure_cost
from se_nas.runs.run_folder import RunFolder
from se_nas.runs.settings import SearchConfig
from se_nas.searching.candidates import Inspection
from se_nas.searching.surrogate.features import features_of, groups_of
from se_nas.searching.surrogate.gaussian_process import Surrogate
from se_nas.space.decisions import Assignment
from se_nas.space.design_space import DesignSpace
from se_nas.space.files.loading import load_stored_space

Values = NDArray[np.float64]

WORKERS = 2
RULES: dict[str, Callable[["Trainings", int], Ours]] = {
    "FrontPruner": lambda model, seed: Ours(model, seed),
    "rungs open from a gain of 1.1": lambda model, seed: Ours(model, seed, least_gain=1.1),
    "rungs open from a gain of 0.95": lambda model, seed: Ours(model, seed, least_gain=0.95),
    "rungs always open": lambda model, seed: Ours(model, seed, least_gain=-math.inf),
    "no pruning": lambda model, seed: Ours(model, seed, pruning=False),
}


@dataclass
class Trainings:
    """A model of the trainings of a space. `cheapest` are the least FLOPs that were trained."""

    space: DesignSpace
    config: SearchConfig
    surrogates: list[Surrogate]
    residuals: Values
    cheapest: float
    _inspected: dict[str, Inspection] = field(default_factory=dict)

    @classmethod
    def of(cls, folders: list[Path]) -> "Trainings":
        """Learn from the trials of run folders.

        InputError if they are not searches of one space for FLOPs, or if no trial of the first one is complete.
        """
        loaded = [load_progress(RunFolder.open(folder)) for folder in folders]
        (config, few_stopped), space = loaded[0], load_stored_space(RunFolder(folders[0]).space)
        if config.parsed_objectives.costs != ("flops",):
            raise InputError(f"{folders[0]}: searched for {config.objectives}; expected --objectives accuracy,flops")
        for folder, (other, _) in zip(folders, loaded, strict=True):
            if (other.space_seal, other.epochs) != (config.space_seal, config.epochs):
                raise InputError(f"{folder}: expected the space and the epochs of {folders[0]}")
        complete = [record for record in few_stopped.records if len(record.curve) == config.epochs]
        if not complete:
            raise InputError(f"{folders[0]}: expected a search with complete trials, but it has none")
        records = [record for _, progress in loaded for record in progress.records if record.curve]
        features = np.array([features_of(space.decisions, record.assignment, record.cost) for record in records])
        groups = groups_of(space.decisions, features.shape[1])
        surrogates = []
        for epoch in range(config.epochs):
            there = [index for index, record in enumerate(records) if len(record.curve) > epoch]
            reached = np.array([records[index].curve[epoch] for index in there])
            surrogates.append(Surrogate(features[there], reached, np.zeros(len(there)), groups=groups))
        cheapest = min(record.cost["flops"] for record in records)
        model = cls(space, config, surrogates, np.empty((0, config.epochs)), cheapest)
        model.residuals = np.array([record.curve - model.true_curve(record.assignment) for record in complete])
        return model

    @property
    def epochs(self) -> int:
        """The epochs of a full training."""
        return self.config.epochs

    def inspect(self, assignment: Assignment) -> Inspection | None:
        """The network and its cost; None if it breaks a rule."""
        if self.space.check(assignment):
            return None
        network = self.space.decode(assignment)
        name = network.fingerprint()
        if name not in self._inspected:
            cost = measure_cost(network, image_size=self.config.image_size, num_classes=self.config.classes)
            self._inspected[name] = Inspection(name, cost.as_dict())
        return self._inspected[name]

    def cost(self, assignment: Assignment) -> Mapping[str, float]:
        """The cost of a network that obeys the rules."""
        seen = self.inspect(assignment)
        assert seen is not None
        return seen.cost

    def true_curve(self, assignment: Assignment) -> Values:
        """The mean accuracy of a network after each epoch (epochs,)."""
        features = np.array([features_of(self.space.decisions, assignment, self.cost(assignment))])
        return np.array([surrogate.expect(features)[0] for surrogate in self.surrogates])


@dataclass
class Training:
    """A trial of a replayed search: its curve, its true final accuracy, its cost, and how far it has been trained."""

    curve: list[float]
    true: float
    flops: float
    epoch: int = 0
    spent: int = 0
    """The epochs of the whole search when the trial ended."""
    stopped: bool = False


def search(model: Trainings, rule: str, seed: int, *, budget: float, epochs: float) -> list[Training]:
    """The trials of one search, which ends after `budget` trials or when `epochs` are spent."""
    ours = RULES[rule](model, seed)
    rng, queue, trials, spent = np.random.default_rng([seed, 7]), list[tuple[float, int]](), list[Training](), 0

    def wait(now: float, number: int) -> None:
        seconds = (1 + trials[number].flops / model.config.reference[1]) * math.exp(0.1 * rng.standard_normal())
        heapq.heappush(queue, (now + seconds, number))

    def start(now: float) -> None:
        assignment = ours.ask()
        true = model.true_curve(assignment)
        curve = np.clip(true + model.residuals[rng.integers(len(model.residuals))], 0.0, 1.0)
        trials.append(Training(curve.tolist(), float(true[-1]), model.cost(assignment)["flops"]))
        wait(now, len(trials) - 1)

    for _ in range(WORKERS):
        start(0.0)
    while queue:
        now, number = heapq.heappop(queue)
        trial = trials[number]
        trial.epoch, spent = trial.epoch + 1, spent + 1
        complete = trial.epoch == model.epochs
        if not complete and ours.keep_going(number, trial.epoch, trial.curve[trial.epoch - 1]):
            wait(now, number)
            continue
        trial.stopped, trial.spent = not complete, spent
        ours.ended(number, trial.curve[: trial.epoch], complete=complete)
        if len(trials) < budget and spent < epochs:
            start(now)
    return trials


def hypervolume(trials: list[Training], epochs: float, cheapest: float, dearest: float) -> float:
    """The true hypervolume of the trials that were complete after these epochs, as a fraction of the box between the
    given FLOPs."""
    points = [(-t.true, math.log(t.flops)) for t in trials if not t.stopped and t.spent <= epochs]
    if not points:
        return 0.0
    volume = moocore.hypervolume(np.array(points), ref=np.array([0.0, math.log(dearest)]))
    return float(volume) / math.log(dearest / cheapest)


def job(args: tuple[str, int]) -> tuple[str, int, int, int, list[float]]:
    """(rule, seed, stopped trials, epochs, hypervolumes) of a search of the budget and of one of equal epochs."""
    name, seed = args
    ends = MODEL.cheapest, MODEL.config.reference[1]
    whole = search(MODEL, name, seed, budget=OPTIONS.budget, epochs=math.inf)
    equal = search(MODEL, name, seed, budget=math.inf, epochs=OPTIONS.equal_epochs)
    volumes = [hypervolume(whole, math.inf, *ends), hypervolume(equal, OPTIONS.equal_epochs, *ends)]
    return name, seed, sum(t.stopped for t in whole), sum(t.epoch for t in whole), volumes


OPTIONS = argparse.Namespace()
MODEL: Trainings


def main() -> None:
    """Parse the flags, learn the model, search, and print the table."""
    global MODEL
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", help="run folders; the first one stopped few trials")
    parser.add_argument("--searches", type=int, default=10, help="the number of searches with each rule")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--budget", type=int, default=200, help="trials of a search")
    parser.add_argument("--equal-epochs", type=int, default=600, help="epochs after which rules are compared")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.parse_args(namespace=OPTIONS)
    try:
        MODEL = Trainings.of(OPTIONS.folders)
    except InputError as error:
        parser.error(str(error))
    seeds = range(OPTIONS.first_seed, OPTIONS.first_seed + OPTIONS.searches)
    with get_context("fork").Pool(OPTIONS.processes) as pool:
        found = pool.map(job, [(name, seed) for seed in seeds for name in RULES], chunksize=1)
    console = Console(width=140)
    spread = MODEL.residuals.std(axis=0)
    console.print("one training deviates after each epoch by", ", ".join(f"{100 * value:.1f}" for value in spread), "%")
    view = Table(title=f"{OPTIONS.searches} searches of {OPTIONS.budget} trials", box=None)
    columns = ("rule", "stopped: mean", "least", "deviation", "epochs", "hypervolume", "after equal epochs")
    for column in columns:
        view.add_column(column)
    baseline = np.array([row[4] for row in sorted(found) if row[0] == "no pruning"])
    for name in RULES:
        rows = sorted(row for row in found if row[0] == name)
        stopped, volumes = np.array([row[2] for row in rows]), np.array([row[4] for row in rows])
        gain = (volumes - baseline)[:, 1]
        view.add_row(
            name,
            f"{stopped.mean():.0f}",
            f"{stopped.min()}",
            f"{stopped.std():.0f}",
            f"{np.mean([row[3] for row in rows]):.0f}",
            f"{volumes[:, 0].mean():.4f}",
            f"{volumes[:, 1].mean():.4f}, {gain.mean():+.4f} ± {gain.std() / math.sqrt(len(gain)):.4f}",
        )
    console.print(view)


if __name__ == "__main__":
    main()

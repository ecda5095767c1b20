"""Whole searches on real training, for equal total epochs: ours, ours without pruning, Ray's OptunaSearch + ASHA.

    uv run --with-requirements benchmarks/peers.txt benchmarks/real_search.py --data npz:cifar10_10k.npz --seeds 3

One trial at a time in this process. `--seeds` is the number of searches of each method, each with its own seed. Prints
the hypervolume of (accuracy, log FLOPs) of the fully trained networks, against accuracy 0.1 and the most expensive of
1,000 drawn networks, and writes every trial to OUT.csv. Peers' code is as in `peers.py`; Ray reports a stopped trial to
Optuna as complete.
"""

import argparse
import csv
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any, Protocol

os.environ.setdefault("OMP_NUM_THREADS", "1")

import moocore
import numpy as np
import optuna
import torch
from peers import RayAsha
from search_quality import OurRule

from se_nas.data.batches.device_data import DeviceData
from se_nas.data.image_data import ImageData
from se_nas.data.sources import load_data
from se_nas.models.cost import measure_cost
from se_nas.searching.candidates import Inspection
from se_nas.searching.objectives import Objectives
from se_nas.searching.propose.optuna_strategy import optuna_distribution
from se_nas.searching.propose.strategies import STRATEGIES, SearchProblem
from se_nas.searching.propose.strategy import Unique
from se_nas.searching.records import TrialRecord, TrialStatus
from se_nas.searching.surrogate.posterior import expectations
from se_nas.seeds import derive_seed
from se_nas.space.decisions import Assignment
from se_nas.space.design_space import DesignSpace
from se_nas.space.files.loading import load_design_space
from se_nas.training.recipe import Recipe
from se_nas.training.trainer import Trainer, build_initial_model, train

OBJECTIVES = Objectives(("flops",))
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Task:
    """The settings that all searches have in common. `recipe` has the parts that differ from the values of `Recipe`."""

    space: DesignSpace
    data: ImageData
    epochs: int
    recipe: dict[str, Any] = field(default_factory=dict)
    device: torch.device = CPU

    def inspect(self, assignment: Assignment) -> Inspection | None:
        """The network and its cost; None if it breaks a rule."""
        if self.space.check(assignment):
            return None
        architecture = self.space.decode(assignment)
        cost = measure_cost(architecture, image_size=self.data.image_size, num_classes=self.data.classes)
        return Inspection(architecture.fingerprint(), cost.as_dict())

    def train(self, assignment: Assignment, seed: int) -> Iterator[float]:
        """The accuracy after each epoch."""
        images = DeviceData.of(self.data.train, self.data.validation, mirrored=self.data.mirrored, device=self.device)
        model = build_initial_model(self.space.decode(assignment), num_classes=self.data.classes, seed=seed)
        trainer = Trainer(model, images, Recipe(epochs=self.epochs, **self.recipe), seed=seed, device=self.device)
        return (result.accuracy for result in train(trainer))


class Method(Protocol):
    """A search: it proposes networks, decides whether they continue, and gets their results."""

    def ask(self) -> Assignment:
        """The next network."""

    def keep_going(self, trial: int, epoch: int, accuracy: float) -> bool:
        """Whether the trial continues; called after each epoch except the last."""

    def ended(self, trial: int, curve: list[float], *, complete: bool) -> None:
        """Report the end of a trial; called once for each trial."""


class Searched(Protocol):
    """What `Ours` needs to know of a task."""

    @property
    def space(self) -> DesignSpace:
        """The space of the search."""

    @property
    def epochs(self) -> int:
        """The epochs of a full training."""

    def inspect(self, assignment: Assignment) -> Inspection | None:
        """The network and its cost; None if it breaks a rule."""


@dataclass
class Ours:
    """A strategy of se-nas, with or without `FrontPruner`, whose rungs open from `least_gain` (None: as it is)."""

    task: Searched
    seed: int
    strategy: str = "front"
    pruning: bool = True
    least_gain: float | None = None
    _records: list[TrialRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        space = self.task.space
        named = STRATEGIES[self.strategy](
            SearchProblem(
                decisions=space.decisions,
                sample=space.sample,
                neighbours=space.neighbours,
                inspect=self.task.inspect,
                objectives=OBJECTIVES,
                seed=self.seed,
            )
        )
        self._strategy = Unique(named, lambda assignment: space.decode(assignment).fingerprint())
        changed = {} if self.least_gain is None else {"WORTHWHILE": self.least_gain}
        self._rule = OurRule(self.task.epochs, self.seed, changed=changed) if self.pruning else None

    def expected(self) -> dict[int, float]:
        """The accuracy that the model expects of each complete trial; empty if there are too few."""
        found = expectations(self._records, self.task.space.decisions, OBJECTIVES)
        return {number: expectation.mean for number, expectation in found.items()}

    def ask(self) -> Assignment:
        """The proposal of the strategy."""
        while (seen := self.task.inspect((proposal := self._strategy.ask()).assignment)) is None:
            pass
        record = TrialRecord(
            number=len(self._records),
            status=TrialStatus.RUNNING,
            assignment=proposal.assignment,
            fingerprint=seen.fingerprint,
            se=(),
            cost=seen.cost,
            memo=proposal.memo,
        )
        self._records.append(record)
        self._strategy.tell(record)
        if self._rule is not None:
            self._rule.started(record.number, (float(seen.cost["flops"]),))
        return proposal.assignment

    def keep_going(self, trial: int, epoch: int, accuracy: float) -> bool:
        """The decision of the pruner."""
        return self._rule is None or self._rule.keep_going(trial, epoch, accuracy)

    def ended(self, trial: int, curve: list[float], *, complete: bool) -> None:
        """Report the result to the strategy and the pruner."""
        status = TrialStatus.COMPLETE if complete else TrialStatus.PRUNED
        self._records[trial] = replace(self._records[trial], status=status, curve=tuple(curve))
        self._strategy.tell(self._records[trial])
        if complete and self._rule is not None:
            self._rule.finished(trial, curve[-1])


class RayOptunaAsha:
    """Ray's `OptunaSearch` with ASHA on accuracy and Ray's own feedback."""

    def __init__(self, task: Task, seed: int) -> None:
        from ray.tune.search.optuna import OptunaSearch

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        decisions = {name: optuna_distribution(decision) for name, decision in task.space.decisions.items()}
        self._searcher = OptunaSearch(decisions, metric=["accuracy", "log_flops"], mode=["max", "min"], seed=seed)
        self._asha, self._task = RayAsha(task.epochs, seed), task
        self._count, self._log_flops = 0, 0.0

    def ask(self) -> Assignment:
        """The suggestion of the searcher. If it breaks a rule, an error is reported, as a user of Ray would."""
        while True:
            assignment = self._searcher.suggest(str(self._count))
            self._count += 1
            if (seen := self._task.inspect(assignment)) is not None:
                self._log_flops = math.log(seen.cost["flops"])
                self._name = str(self._count - 1)
                self._asha_trial: int | None = None
                return assignment
            self._searcher.on_trial_complete(str(self._count - 1), error=True)

    def keep_going(self, trial: int, epoch: int, accuracy: float) -> bool:
        """The decision of ASHA."""
        if self._asha_trial is None:
            self._asha.started(trial, ())
            self._asha_trial = trial
        return self._asha.keep_going(trial, epoch, accuracy)

    def ended(self, trial: int, curve: list[float], *, complete: bool) -> None:
        """Report the trial as complete in both cases, as Ray does."""
        if complete:
            self._asha.finished(trial, curve[-1])
        self._searcher.on_trial_complete(self._name, {"accuracy": curve[-1], "log_flops": self._log_flops})


METHODS: dict[str, Callable[[Task, int], Method]] = {
    "front + FrontPruner": lambda task, seed: Ours(task, seed),
    "front, no pruning": lambda task, seed: Ours(task, seed, pruning=False),
    "multivariate TPE": lambda task, seed: Ours(task, seed, strategy="tpe", pruning=False),
    "random": lambda task, seed: Ours(task, seed, strategy="random", pruning=False),
    "Ray OptunaSearch + ASHA": RayOptunaAsha,
}
COMPARED = ("front + FrontPruner", "front, no pruning", "Ray OptunaSearch + ASHA")


def search(task: Task, chosen: Method, seed: int, epochs: int) -> list[dict[str, Any]]:
    """Train until the epochs are used up. A trial that is still in training then does not count."""
    rows: list[dict[str, Any]] = []
    spent = 0
    while spent < epochs:
        trial, assignment, curve, stopped = len(rows), chosen.ask(), list[float](), False
        for accuracy in task.train(assignment, derive_seed(seed, "trial", trial)):
            curve.append(accuracy)
            spent += 1
            if len(curve) < task.epochs and not chosen.keep_going(trial, len(curve), accuracy):
                stopped = True
                break
            if spent >= epochs:
                break
        complete = len(curve) == task.epochs
        if complete or stopped:
            chosen.ended(trial, curve, complete=complete)
        seen = task.inspect(assignment)
        assert seen is not None
        state = "complete" if complete else "pruned" if stopped else "cut off"
        row = {"seed": seed, "trial": trial, "state": state, "flops": seen.cost["flops"], "curve": curve}
        rows.append(row | {"assignment": assignment})
    return rows


def hypervolume(rows: list[dict[str, Any]], dearest: float) -> float:
    """The hypervolume of the complete trials, as a fraction of the box from accuracy 0.1 to 1 and 20-fold in FLOPs."""
    points = [(-row["curve"][-1], math.log(row["flops"])) for row in rows if row["state"] == "complete"]
    if not points:
        return 0.0
    return float(moocore.hypervolume(np.array(points), ref=np.array([-0.1, math.log(dearest)]))) / (0.9 * math.log(20))


def job(args: tuple[str, int]) -> list[dict[str, Any]]:
    """Run one search in a process of its own."""
    torch.set_num_threads(1)
    method, seed = args
    rows = search(TASK, METHODS[method](TASK, seed), seed, OPTIONS.total_epochs)
    return [{"method": method, **row} for row in rows]


OPTIONS = argparse.Namespace()
TASK: Task


def main() -> None:
    """Parse the flags, search, and print the table."""
    global TASK
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--space", type=Path, default=Path("search_spaces/cifar_cpu.yaml"))
    parser.add_argument("--epochs", type=int, default=12, help="of a full training")
    parser.add_argument("--total-epochs", type=int, default=240, help="of a search")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=Path("real_search.csv"))
    parser.parse_args(namespace=OPTIONS)
    space = load_design_space(OPTIONS.space)
    TASK = Task(space, load_data(OPTIONS.data, image_size=space.image_size), OPTIONS.epochs)
    rng = Random(0)
    drawn = [TASK.inspect(space.sample(rng)) for _ in range(1000)]
    dearest = max(seen.cost["flops"] for seen in drawn if seen is not None)
    jobs = [(method, seed) for seed in range(OPTIONS.seeds) for method in COMPARED]
    found: dict[str, list[float]] = {method: [] for method in COMPARED}
    with get_context("fork").Pool(OPTIONS.processes) as pool, OPTIONS.out.open("w", newline="") as file:
        columns = ["method", "seed", "trial", "state", "flops", "curve"]
        writer = csv.DictWriter(file, fieldnames=columns, extrasaction="ignore")
        writer.writeheader()
        for (method, seed), rows in zip(jobs, pool.imap(job, jobs), strict=True):
            found[method].append(hypervolume(rows, dearest))
            states = [row["state"] for row in rows]
            counts = f"{states.count('complete'):3d} complete, {states.count('pruned'):3d} pruned"
            print(f"seed {seed}  {method:26s} hypervolume {found[method][-1]:.4f}  {counts}", flush=True)
            writer.writerows(rows)
            file.flush()
    for method, values in found.items():
        print(
            f"{method:26s} mean {np.mean(values):.4f}, deviation {np.std(values, ddof=1) if len(values) > 1 else 0:.4f}"
        )


if __name__ == "__main__":
    main()

"""Where does SE pay, by an open table of all placements? Effects, short trainings, and what strategies find.

    uv run benchmarks/read_table.py benchmarks/tables/four_stages.csv

The table has every placement of SE in one trunk on paired seeds (`placement_table.py --placements all`). Prints

- the gain of SE in each stage, its interactions, and the probability of each placement to be the best, by the model of
  `launch/ablate.py`, with simultaneous 95 % intervals;
- Kendall's tau between the order of the placements after each epoch and after the last one;
- what each strategy has found after 4, 8, 16 and 32 trainings. A training is one seed of the table, drawn at random.
  The placement that a strategy names is the best by the mean of its trainings, and its regret is how far the table's
  mean of that placement falls short of the best mean.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from random import Random

import numpy as np
import optuna
from numpy.typing import NDArray
from placement_rows import NOWHERE, checked_rows, stages_of
from rich.console import Console
from rich.table import Table
from scipy.stats import kendalltau

from se_nas.analysis.designed.best import probabilities_of_best
from se_nas.analysis.designed.fractions import Point, design_for
from se_nas.analysis.designed.model import Cell, Contrasts, Fitted, Key, distinct_pairs, fit
from se_nas.errors import InputError
from se_nas.searching.candidates import Inspection
from se_nas.searching.objectives import Objectives
from se_nas.searching.propose.strategies import STRATEGIES, SearchProblem
from se_nas.searching.propose.strategy import Fallback, Patient, Sampling, SearchStrategy, Unique
from se_nas.searching.records import TrialRecord, TrialStatus
from se_nas.space.decisions import Assignment, Categorical

Values = NDArray[np.float64]

AFTER = (4, 8, 16, 32)
"""The numbers of trainings after which a strategy names a placement."""
REPEATS = 100
PATIENCE, DRAW_PATIENCE = 20, 1_000
"""The number of known proposals in a row, of a strategy and of random draws, after which each counts as exhausted."""
COMPARED = ("front", "evolution", "reinforce", "tpe", "random")
DESIGNED = "designed experiment"


@dataclass(frozen=True)
class Placements:
    """Every placement of a table: `points` by name, the costs by name, and `accuracy` (placements, seeds, epochs)."""

    points: Mapping[str, Point]
    params: Mapping[str, int]
    flops: Mapping[str, int]
    accuracy: Values

    @classmethod
    def read(cls, path: Path) -> "Placements":
        """The table of a file. InputError unless it can be read, and every placement has every seed and epoch."""
        rows = checked_rows(path)
        names = list(dict.fromkeys(row["placement"] for row in rows))
        stages = max((stage for name in names for stage in stages_of(name)), default=0)
        points = {name: tuple(stage in stages_of(name) for stage in range(1, stages + 1)) for name in names}
        seeds, epochs = sorted({int(row["seed"]) for row in rows}), sorted({int(row["epoch"]) for row in rows})
        known = {(row["placement"], int(row["seed"]), int(row["epoch"])): float(row["accuracy"]) for row in rows}
        if not stages or not len(names) == len(set(points.values())) == 2**stages:
            wanted = f"{NOWHERE} and all other placements on {stages or 'some'} stages"
            raise InputError(f"{path}: expected {wanted}, but got {', '.join(names)}")
        if len(known) < len(names) * len(seeds) * len(epochs):
            raise InputError(f"{path}: expected each placement on each of {len(seeds)} seeds and {len(epochs)} epochs")
        accuracy = np.array([[[known[name, seed, epoch] for epoch in epochs] for seed in seeds] for name in names])
        first = {row["placement"]: row for row in reversed(rows)}
        params, flops = ({name: int(first[name][cost]) for name in names} for cost in ("params", "flops"))
        return cls(points, params, flops, accuracy)

    @property
    def names(self) -> list[str]:
        """The placements, in the order of `accuracy`."""
        return list(self.points)

    @property
    def means(self) -> Values:
        """The mean accuracy of each placement after the last epoch."""
        means: Values = self.accuracy[:, :, -1].mean(axis=1)
        return means


def fitted_to(table: Placements, outcomes: Mapping[Key, float]) -> Fitted:
    """The model of main effects and interactions. InputError if the trainings are too few."""
    points = list(table.points.values())
    cells = {name: Cell(point=point, treatments={}) for name, point in table.points.items()}
    terms = Contrasts(factors=len(points[0]), pairs=distinct_pairs(points), treatments={}, own=())
    for each in (terms, terms.without_pairs):
        try:
            fitted = fit(outcomes, cells, each)
        except ValueError:
            continue
        if all(map(fitted.determines, map(each.main_effect, range(each.factors)))):
            return fitted
    raise InputError(f"{len(outcomes)} trainings are too few for the effect of each stage; train on more seeds")


def show_effects(table: Placements, console: Console) -> None:
    """Print the effects, the interactions, and the placements."""
    outcomes = {
        (name, seed): float(accuracy)
        for name, own in zip(table.names, table.accuracy[:, :, -1], strict=True)
        for seed, accuracy in enumerate(own)
    }
    fitted = fitted_to(table, outcomes)
    terms = fitted.contrasts
    console.print(f"{len(outcomes)} trainings; one training deviates by {100 * fitted.deviation:.2f} points")
    gains, widths = fitted.differences([terms.main_effect(stage) for stage in range(terms.factors)])
    for stage, (gain, width) in enumerate(zip(gains, widths, strict=True), start=1):
        console.print(f"SE in stage {stage}: {100 * gain:+.2f} ± {100 * width:.2f} points")
    if terms.pairs:
        gains, widths = fitted.differences([terms.interaction(pair) for pair in range(len(terms.pairs))])
        for (first, second), gain, width in zip(terms.pairs, gains, widths, strict=True):
            console.print(
                f"stages {first + 1} and {second + 1} together: {100 * gain:+.2f} ± {100 * width:.2f} points more"
            )
    rows = [terms.row(name, Cell(point=point, treatments={})) for name, point in table.points.items()]
    levels, half = fitted.levels(rows)
    best = probabilities_of_best(fitted, rows)
    view = Table(box=None)
    for column in ("SE in stage", "parameters", "MFLOPs", "mean %", "predicted %", "±", "best with"):
        view.add_column(column, justify="right")
    for index in np.argsort(-levels):
        name = table.names[index]
        cells = [name, f"{table.params[name]:,}", f"{table.flops[name] / 1e6:.3f}", f"{100 * table.means[index]:.2f}"]
        view.add_row(*cells, f"{100 * levels[index]:.2f}", f"{100 * half[index]:.2f}", f"{100 * best[index]:.0f} %")
    console.print(view)


def show_short_trainings(table: Placements, console: Console) -> None:
    """Print how well each epoch orders the placements as the last one does, by single trainings and by means."""
    last = table.means
    for epoch in range(table.accuracy.shape[2]):
        of_means = kendalltau(table.accuracy[:, :, epoch].mean(axis=1), last).statistic
        single = [kendalltau(table.accuracy[:, seed, epoch], last).statistic for seed in range(table.accuracy.shape[1])]
        console.print(
            f"after epoch {epoch + 1}: tau {of_means:+.2f} of the means, {np.mean(single):+.2f} of a single training"
        )


@dataclass
class Trained:
    """The trainings that a strategy has seen, each one seed of the table."""

    table: Placements
    rng: np.random.Generator
    seen: dict[str, list[float]] = field(default_factory=dict)

    def train(self, name: str) -> float:
        """The accuracy of one more training of a placement, on a seed that is drawn."""
        seeds = self.table.accuracy[self.table.names.index(name), :, -1]
        self.seen.setdefault(name, []).append(float(self.rng.choice(seeds)))
        return self.seen[name][-1]

    def named(self) -> str:
        """The placement with the highest mean accuracy."""
        return max(self.seen, key=lambda name: float(np.mean(self.seen[name])))


def by_strategy(strategy: str, table: Placements, seed: int) -> Iterator[str]:
    """Yield the placement that a search names after each training. A search that has tried all starts again."""
    decisions = {f"stage {stage + 1}": Categorical((False, True)) for stage in range(len(table.points[NOWHERE]))}
    name_of = {point: name for name, point in table.points.items()}
    trained = Trained(table, np.random.default_rng([seed, 1]))

    def name_for(assignment: Assignment) -> str:
        return name_of[tuple(bool(assignment[name]) for name in decisions)]

    for round_ in count():
        problem = SearchProblem(
            decisions=decisions,
            sample=lambda rng: {name: decision.sample(rng) for name, decision in decisions.items()},
            neighbours=lambda assignment: ({**assignment, name: not assignment[name]} for name in decisions),
            inspect=lambda assignment: Inspection(
                name_for(assignment), {"params": float(table.params[name_for(assignment)])}
            ),
            objectives=Objectives(("params",)),
            seed=seed + 1_000 * round_,
        )
        named = _only_new(STRATEGIES[strategy](problem), name_for, PATIENCE)
        drawn = _only_new(Sampling(problem.sample, seed=problem.seed), name_for, DRAW_PATIENCE)
        search = Fallback(named, drawn)
        for number in range(len(name_of)):
            proposal = search.ask()
            name = name_for(proposal.assignment)
            begun = TrialRecord(
                number=number,
                status=TrialStatus.RUNNING,
                assignment=proposal.assignment,
                fingerprint=name,
                se=(),
                cost={"params": float(table.params[name])},
                memo=proposal.memo,
            )
            search.tell(begun)
            search.tell(replace(begun, status=TrialStatus.COMPLETE, curve=(trained.train(name),)))
            yield trained.named()


def _only_new(strategy: SearchStrategy, name_for: Callable[[Assignment], str], patience: int) -> SearchStrategy:
    return Unique(Patient(strategy, patience=patience), name_for)


def by_design(table: Placements, seed: int) -> Iterator[str]:
    """Yield the placement that the designed experiment predicts to be best after each training."""
    rng = Random(seed)
    name_of = {point: name for name, point in table.points.items()}
    order = [name_of[point] for point in design_for(len(table.points[NOWHERE])).points]
    outcomes: dict[Key, float] = {}
    for run in range(max(AFTER) // len(order) + 1):
        of_table = rng.randrange(table.accuracy.shape[1])
        for name in order:
            outcomes[name, run] = float(table.accuracy[table.names.index(name), of_table, -1])
            try:
                fitted = fitted_to(table, outcomes)
            except InputError:
                yield max(outcomes, key=lambda key: outcomes[key])[0]
                continue
            terms = fitted.contrasts
            rows = [terms.row(each, Cell(point=point, treatments={})) for each, point in table.points.items()]
            yield table.names[int(np.argmax(probabilities_of_best(fitted, rows, draws=2_000)))]


def show_finds(table: Placements, console: Console, repeats: int) -> None:
    """Print the regret of the named placement and how often it is the best of the table."""
    ways: dict[str, Callable[[Placements, int], Iterator[str]]] = {
        name: lambda table, seed, name=name: by_strategy(name, table, seed) for name in COMPARED
    }
    ways[DESIGNED] = by_design
    best = float(table.means.max())
    mean_of = dict(zip(table.names, table.means.tolist(), strict=True))
    view = Table(box=None, title="regret in points, and how often the best is named", title_justify="left")
    for column in ("way", *(f"{trainings} trainings" for trainings in AFTER)):
        view.add_column(column, justify="right")
    for way, run in ways.items():
        found = np.array([_after(run(table, seed)) for seed in range(repeats)])
        regrets = np.array([[100 * (best - mean_of[name]) for name in names] for names in found.tolist()])
        cells = [
            f"{regrets[:, at].mean():.2f} ({100 * (regrets[:, at] == 0).mean():.0f} %)" for at in range(len(AFTER))
        ]
        view.add_row(way, *cells)
    console.print(view)


def _after(named: Iterator[str]) -> Sequence[str]:
    names = [name for name, _ in zip(named, range(max(AFTER)), strict=False)]
    return [names[trainings - 1] for trainings in AFTER]


def main() -> None:
    """Parse the flags, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--repeats", type=int, default=REPEATS, help="of each strategy")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        table, console = Placements.read(options.table), Console(width=110)
        show_effects(table, console)
    except InputError as error:
        parser.error(str(error))
    show_short_trainings(table, console)
    show_finds(table, console, options.repeats)


if __name__ == "__main__":
    main()

"""Where does SE pay, by an open table of all placements? Effects, short trainings, and what strategies find.

    uv run benchmarks/read_table.py benchmarks/tables/four_stages.csv [--supernet RUN/supernet.json]
        [--differentiable RUN/differentiable.json]

The table has every placement of SE in one trunk on paired seeds (`placement_table.py --placements all`). Prints

- the gain of SE in each stage, its interactions, and the probability of each placement to be the best, by the model of
  `launch/ablate.py`, with simultaneous 95 % intervals;
- Kendall's tau between the order of the placements after each epoch and after the last one;
- what each strategy has found after 4, 8, 16 and 32 trainings. A training is one seed of the table, drawn at random;
  the first, second, ... training of a placement is the same for all strategies. The placement that a strategy names is
  the best by the mean of its trainings, and its regret is how far the table's mean of that placement falls short of the
  best mean. Intervals are 95 % of the mean over the repetitions.

`--supernet` adds the strategy `supernet` with the scores of a supernet that was trained on the table's trunk and
images, and a search that trains the placements in the order of these scores. `--differentiable` adds the strategy
`differentiable` with the placements that relaxed gates have chosen.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count, cycle
from pathlib import Path
from random import Random

import numpy as np
import optuna
from numpy.typing import NDArray
from placement_rows import NOWHERE, checked_rows, stages_of
from recorded_guidance import Watched, check_costs, recorded_choices, recorded_scores
from rich.console import Console
from rich.table import Table
from scipy.stats import kendalltau

from se_nas.analysis.designed.best import probabilities_of_best
from se_nas.analysis.designed.fractions import Point, design_for
from se_nas.analysis.designed.model import Cell, Contrasts, Fitted, Key, distinct_pairs, fit
from se_nas.analysis.first_placements import first_placements
from se_nas.analysis.supernet_scores import SupernetScores
from se_nas.commands.search.guidance import SupernetPrior
from se_nas.commands.shared_weights.strategies import DIFFERENTIABLE, SUPERNET
from se_nas.errors import InputError
from se_nas.searching.candidates import Inspection
from se_nas.searching.objectives import Objectives
from se_nas.searching.propose.strategies import STRATEGIES, SUGGESTED_TRIALS, SearchProblem
from se_nas.searching.propose.strategy import Fallback, Patient, Sampling, SearchStrategy, Unique
from se_nas.searching.records import TrialRecord, TrialStatus
from se_nas.searching.surrogate.prior_mean import Prior
from se_nas.space.decisions import Assignment, Categorical

Values = NDArray[np.float64]

AFTER = (4, 8, 16, 32)
"""The numbers of trainings after which a strategy names a placement."""
REPEATS = 100
PATIENCE, DRAW_PATIENCE = 20, 1_000
"""The number of known proposals in a row, of a strategy and of random draws, after which each counts as exhausted."""
COMPARED = ("front", "evolution", "reinforce", "tpe", "random")
DESIGNED, ORDERED = "designed experiment", "order of the supernet"

Way = Callable[[int], Iterator[str]]
"""Yields the placement that is named after each training of a repetition."""


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
    repetition: int
    seen: dict[str, list[float]] = field(default_factory=dict)

    def train(self, name: str) -> float:
        """The accuracy of one more training of a placement, on a drawn seed. It is the same in all strategies."""
        index, own = self.table.names.index(name), self.seen.setdefault(name, [])
        rng = np.random.default_rng([self.repetition, index, len(own)])
        own.append(float(rng.choice(self.table.accuracy[index, :, -1])))
        return own[-1]

    def named(self) -> str:
        """The placement with the highest mean accuracy."""
        return max(self.seen, key=lambda name: float(np.mean(self.seen[name])))


def by_strategy(
    strategy: str, table: Placements, seed: int, *, prior: Callable[[], Prior] | None = None, chosen: Sequence[str] = ()
) -> Iterator[str]:
    """Yield the placement that a search names after each training (`searched`)."""
    return (trained.named() for trained in searched(strategy, table, seed, prior=prior, chosen=chosen))


def searched(
    strategy: str, table: Placements, seed: int, *, prior: Callable[[], Prior] | None = None, chosen: Sequence[str] = ()
) -> Iterator[Trained]:
    """Yield all trainings of a search after each training. A search that has tried all placements starts again.

    `prior` makes the prior of each search, and the placements `chosen` are tried early.
    """
    decisions = {f"stage {stage + 1}": Categorical((False, True)) for stage in range(len(table.points[NOWHERE]))}
    name_of = {point: name for name, point in table.points.items()}
    trained = Trained(table, seed)

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
            suggested=[dict(zip(decisions, table.points[name], strict=True)) for name in chosen],
            prior=None if prior is None else prior(),
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
            yield trained


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


def by_order(order: Sequence[str], table: Placements, seed: int) -> Iterator[str]:
    """Yield the placement that is named after each training, if the placements are trained in this order."""
    trained = Trained(table, seed)
    for name in cycle(order):
        trained.train(name)
        yield trained.named()


def guided_ways(
    table: Placements, supernet: Path | None, differentiable: Path | None, prior: Watched
) -> dict[str, Way]:
    """The ways that need shared weights, as far as their files are given. InputError if a file is of another table."""
    ways: dict[str, Way] = {}
    if supernet is not None:
        scores = recorded_scores(supernet)
        order = [each.fingerprint for each in scores.best]
        _check(supernet, order, table, wanted=len(table.names))
        check_costs(supernet, scores, table.flops)
        watched = partial(_watched, prior, scores)
        first = [each.fingerprint for each in first_placements(scores, ("params",), len(SUGGESTED_TRIALS))]
        ways[SUPERNET] = lambda seed: by_strategy(SUPERNET, table, seed, prior=watched, chosen=first)
        ways[ORDERED] = lambda seed: by_order(order, table, seed)
    if differentiable is not None:
        chosen = recorded_choices(differentiable)
        _check(differentiable, chosen, table, wanted=1)
        ways[DIFFERENTIABLE] = lambda seed: by_strategy(DIFFERENTIABLE, table, seed, chosen=chosen)
    return ways


def _watched(prior: Watched, scores: SupernetScores) -> Prior:
    """The prior of a new search, which counts in `prior` how often it is asked."""
    return prior.of(SupernetPrior(scores, print_line=lambda line: None))


def _check(path: Path, names: Sequence[str], table: Placements, *, wanted: int) -> None:
    if len(set(names)) < wanted or not set(names) <= set(table.names):
        raise InputError(f"{path}: expected placements of the table's trunk, but got {', '.join(names) or 'none'}")


def show_finds(table: Placements, guided: Mapping[str, Way], console: Console, repeats: int) -> None:
    """Print the regret of the named placement and how often it is the best of the table."""
    ways: dict[str, Way] = {name: partial(by_strategy, name, table) for name in COMPARED}
    ways |= {**guided, DESIGNED: partial(by_design, table)}
    best = float(table.means.max())
    mean_of = dict(zip(table.names, table.means.tolist(), strict=True))
    title = "regret in points with its 95 % interval, and how often the best is named"
    view = Table(box=None, title=title, title_justify="left")
    for column in ("way", *(f"{trainings} trainings" for trainings in AFTER)):
        view.add_column(column, justify="right")
    for way, run in ways.items():
        found = np.array([_after(run(seed)) for seed in range(repeats)])
        regrets = np.array([[100 * (best - mean_of[name]) for name in names] for names in found.tolist()])
        halves = 1.96 * regrets.std(axis=0) / np.sqrt(repeats)
        cells = [
            f"{own.mean():.2f} ± {half:.2f} ({100 * (own == 0).mean():.0f} %)"
            for own, half in zip(regrets.T, halves, strict=True)
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
    parser.add_argument("--repeats", type=int, default=REPEATS, help="the number of repetitions of each strategy")
    parser.add_argument("--supernet", type=Path, help="supernet.json of launch/supernet.py on the table's space")
    parser.add_argument("--differentiable", type=Path, help="differentiable.json of launch/search.py on that space")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        table, console, prior = Placements.read(options.table), Console(width=120), Watched()
        guided = guided_ways(table, options.supernet, options.differentiable, prior)
        show_effects(table, console)
    except InputError as error:
        parser.error(str(error))
    show_short_trainings(table, console)
    show_finds(table, guided, console, options.repeats)
    if SUPERNET in guided:
        console.print(
            f"the model asked for the supernet's prior {prior.asked} times, and used it {prior.trusted} times"
        )


if __name__ == "__main__":
    main()

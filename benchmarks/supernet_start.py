"""What does it gain to train early what a supernet ranks best, and what does it cost if the ranking is wrong?

    uv run benchmarks/supernet_start.py [--repeats 150] [--table benchmarks/tables/four_stages.csv]

Each repetition makes up a trunk with SE on or off in six stages: an effect for each stage (a standard deviation of 0.8
points), for each two stages (0.4) and for each placement (0.2), costs that double from stage to stage, and trainings
that deviate by 0.9 points. With `--table`, the placements and trainings of an open table take its place. The scores of
a supernet are made up with a given correlation with the true accuracies; 0 is a worthless supernet.

`front` is compared with the start of `--strategy supernet` (`first_placements`). No prior acts in the first ten trials.
The table has the points by which the placement with the best training falls short of the best of all, and the same
within budgets of cost (`handed.py`), as a mean over the budgets; then the differences from `front`. 95 % intervals are
over the repetitions.
"""

import argparse
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from placement_rows import NOWHERE
from read_table import Placements, Trained, searched
from rich.console import Console
from rich.table import Table
from scipy.stats import kendalltau

from se_nas.analysis.first_placements import BUDGETS, first_placements
from se_nas.analysis.supernet_scores import ScoredPlacement, SupernetScores
from se_nas.errors import InputError
from se_nas.searching.propose.strategies import SUGGESTED_TRIALS

Values = NDArray[np.float64]

AFTER = (4, 8, 10)
STAGES, SEEDS = 6, 8
OF_STAGE, OF_PAIR, OF_PLACEMENT, NOISE = 0.008, 0.004, 0.002, 0.009
CORRELATIONS = (0.85, 0.5, 0.0, -0.6)


def made_up(rng: np.random.Generator) -> tuple[Placements, Values]:
    """A made-up table and the true accuracies of its placements."""
    points = list(product((False, True), repeat=STAGES))
    chosen = np.array(points, dtype=float)
    pairs = np.triu(rng.normal(0, OF_PAIR, (STAGES, STAGES)), 1)
    truth = 0.7 + chosen @ rng.normal(0, OF_STAGE, STAGES) + ((chosen @ pairs) * chosen).sum(axis=1)
    truth += rng.normal(0, OF_PLACEMENT, len(points))
    names = ["+".join(str(stage + 1) for stage, is_on in enumerate(each) if is_on) or NOWHERE for each in points]
    params = {name: 10_000 + int(own @ (150 * 2 ** np.arange(STAGES))) for name, own in zip(names, chosen, strict=True)}
    accuracy = truth[:, None, None] + rng.normal(0, NOISE, (len(points), SEEDS, 1))
    return Placements(dict(zip(names, points, strict=True)), params, dict.fromkeys(names, 1), accuracy), truth


def scored(table: Placements, truth: Values, correlation: float, rng: np.random.Generator) -> SupernetScores:
    """Scores with about this correlation with the truth."""
    standard = (truth - truth.mean()) / truth.std()
    values = correlation * standard + np.sqrt(1 - correlation**2) * rng.standard_normal(len(truth))
    placements = [
        ScoredPlacement(
            options=tuple(map(int, point)),
            se=(),
            fingerprint=name,
            modules=sum(point),
            accuracy=float(value),
            cost={"params": float(table.params[name])},
        )
        for (name, point), value in zip(table.points.items(), values, strict=True)
    ]
    return SupernetScores(trunk="", switches=(), options=(), count=len(placements), placements=tuple(placements))


def regrets(trained: Trained, truth: Mapping[str, float]) -> tuple[float, float]:
    """The regret of the placement that is named, and the mean regret within budgets of cost, in points."""
    params = trained.table.params
    means = {name: float(np.mean(own)) for name, own in trained.seen.items()}
    within_budgets = []
    for fraction in BUDGETS:
        limit = np.quantile(list(params.values()), fraction)
        within = [name for name in truth if params[name] <= limit]
        known = [name for name in within if name in means]
        own = truth[max(known, key=means.__getitem__)] if known else np.mean([truth[name] for name in within])
        within_budgets.append(100 * (max(truth[name] for name in within) - own))
    return 100 * (max(truth.values()) - truth[trained.named()]), float(np.mean(within_budgets))


def found(strategy: str, table: Placements, seed: int, truth: Mapping[str, float], chosen: Sequence[str]) -> Values:
    """The two regrets after each number of trainings (3, 2)."""
    states = zip(range(1, max(AFTER) + 1), searched(strategy, table, seed, chosen=chosen), strict=False)
    return np.array([regrets(trained, truth) for count, trained in states if count in AFTER])


def main() -> None:
    """Parse the flags, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=150)
    parser.add_argument("--table", type=Path, help="an open table of all placements, of at least ten")
    options = parser.parse_args()
    try:
        recorded = options.table and Placements.read(options.table)
    except InputError as error:
        parser.error(str(error))
    console, view = Console(width=150), Table(box=None)
    for column in ("scores", "tau", *(f"{count} trainings: best, budgets" for count in AFTER)):
        view.add_column(column)
    rows: dict[float | None, list[Values]] = {each: [] for each in (None, *CORRELATIONS)}
    taus: dict[float, list[float]] = {each: [] for each in CORRELATIONS}
    for repetition in range(options.repeats):
        rng = np.random.default_rng(repetition)
        table, values = (recorded, recorded.means) if recorded else made_up(rng)
        truth = dict(zip(table.names, values.tolist(), strict=True))
        rows[None].append(found("front", table, repetition, truth, ()))
        for correlation in CORRELATIONS:
            scores = scored(table, values, correlation, rng)
            taus[correlation].append(kendalltau([each.accuracy for each in scores.placements], values).statistic)
            chosen = [each.fingerprint for each in first_placements(scores, ("params",), len(SUGGESTED_TRIALS))]
            rows[correlation].append(found("supernet", table, repetition, truth, chosen))
    front = np.array(rows[None])
    for each, own in rows.items():
        difference = np.array(own) - (0 if each is None else front)
        middle, half = difference.mean(axis=0), 1.96 * difference.std(axis=0) / np.sqrt(options.repeats)
        sign = "" if each is None else "+"
        cells = [
            ", ".join(f"{value:{sign}.2f} ± {width:.2f}" for value, width in zip(*both, strict=True))
            for both in zip(middle, half, strict=True)
        ]
        named = "front" if each is None else f"correlation {each:g}"
        view.add_row(named, "" if each is None else f"{np.mean(taus[each]):+.2f}", *cells)
    console.print(view)


if __name__ == "__main__":
    main()

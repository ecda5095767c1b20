"""Are the statements of `confirm.py` true? Fronts of known true accuracies, confirmed by its own plan and analysis.

    uv run benchmarks/confirmation.py                             # the four rows, three kinds of noise, 120 repetitions
    uv run benchmarks/confirmation.py --rows further --first-seed 50000 --repetitions 500
    uv run benchmarks/confirmation.py --rows 16,0.25,0.5 --noise normal --bins

Networks have random costs. Their true means rise with the cost by `slope` points over the range of costs, and
scatter by `scatter` points around that. One training deviates by 0.8 points. Each network gets the plan's first seeds,
then the seeds that the plan adds. Two versions of the analysis get equal accuracies for equal seeds.

Prints for each row: how often a network that is "surely on the front" is there, and how often one that is "surely off"
is there, beside the stated probabilities (the cheapest network is left out, because it is always on the front); how
often the 95 % intervals of the reported front hold; its optimism, the mean of (reported - true accuracy) in points;
half the width of its intervals; the regret, by which the reported best at each cost falls short of the true best; and
the seeds spent. ± is the standard error over the repetitions.
"""

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

from se_nas.analysis.front_belief import Belief, Measured
from se_nas.analysis.networks_to_confirm import near_front
from se_nas.commands.confirm.plan import ConfirmationPlan

Values = NDArray[np.float64]

DEVIATION = 0.008
"""The standard deviation of one training, as a fraction."""
LOWEST = 0.8
"""The accuracy at the lowest cost, without scatter."""
COST_RANGE = 10.0
"""The highest cost, as a multiple of the lowest."""
IMAGES = 2_000
"""The number of validation images, by which a search chooses the networks near its front."""
BINS = (0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0)
"""The edges of the bins of stated probabilities."""


@dataclass(frozen=True, slots=True)
class Row:
    """A kind of front: the number of networks, the scatter and the slope of their means in points, and the seeds."""

    networks: int
    scatter: float
    slope: float
    noise: str = "normal"
    trend: str = "linear"
    costs: str = "uniform"
    seeds: int = 3
    most: int = 9
    searched: int = 0
    """If it is a number, a search trains this number of networks once, and those near its front are confirmed."""

    def __str__(self) -> str:
        more = [self.trend] * (self.trend != "linear") + [f"costs in {self.costs}"] * (self.costs != "uniform")
        more += [f"{self.seeds} seeds"] * (self.seeds != 3) + [f"of {self.searched} searched"] * (self.searched > 0)
        return ", ".join([f"{self.networks}, {self.scatter:g}, {self.slope:g}", *more])


MAIN_ROWS = (Row(16, 1.0, 1.5), Row(16, 0.5, 1.5), Row(16, 0.25, 0.5), Row(30, 0.3, 0.5))
FURTHER_ROWS = (
    Row(8, 0.5, 1.0),
    Row(16, 0.0, 1.0),
    Row(16, 0.0, 0.0),
    Row(16, 0.5, 0.0),
    Row(16, 0.5, 3.0),
    Row(16, 2.0, 1.5),
    Row(20, 0.5, 1.5, costs="two clusters"),
    Row(16, 0.3, 2.0, trend="saturating"),
    Row(16, 0.5, 1.5, seeds=2, most=6),
    Row(6, 1.0, 1.5, seeds=2, most=6),
    Row(16, 0.5, 1.5, searched=60),
)
ROWS = {"main": MAIN_ROWS, "further": FURTHER_ROWS}

TRENDS: dict[str, Callable[[Values], Values]] = {
    "linear": lambda place: place,
    "saturating": lambda place: (1 - np.exp(-4 * place)) / (1 - np.exp(-4)),
}
"""The trend of the true means over the place of a cost in its range, on a logarithmic scale; both from 0 to 1."""
COSTS: dict[str, Callable[[np.random.Generator, int], Values]] = {
    "uniform": lambda rng, count: rng.random(count),
    "two clusters": lambda rng, count: rng.choice([0.1, 0.9], count) + 0.1 * (rng.random(count) - 0.5),
}
"""The places of the costs in their range."""
NOISES = ("normal", "heavy tails", "grows", "falls")
"""The noise of trainings: normal; Student's t with 4 degrees of freedom; normal with a deviation that rises from half
to one and a half of the usual one between the least and the most accurate network, or falls likewise."""


@dataclass(slots=True)
class Tally:
    """What was stated, and what is true, over the repetitions of a row."""

    stated: list[float] = field(default_factory=list)
    true: list[bool] = field(default_factory=list)
    sure: list[int] = field(default_factory=list)
    held: list[float] = field(default_factory=list)
    within: list[int] = field(default_factory=list)
    off: list[float] = field(default_factory=list)
    half_widths: list[float] = field(default_factory=list)
    regrets: list[float] = field(default_factory=list)
    spent: list[int] = field(default_factory=list)


class Simulated(NamedTuple):
    """One repetition: the costs (n,), the true means (n,), the accuracies (n, most seeds), and the accuracies in the
    search (n,), if there was one. The cheapest network comes first."""

    costs: Values
    truth: Values
    accuracies: Values
    searched: Values | None


def simulated(row: Row, seed: int) -> Simulated:
    """One repetition of a row."""
    if not row.searched:
        return drawn_networks(row, seed)
    drawn = drawn_networks(replace(row, networks=row.searched, most=row.most + 1), seed)
    once = drawn.accuracies[:, -1]
    front = np.flatnonzero(on_front(drawn.costs, once)).tolist()
    measured = {
        number: Measured(costs=(cost,), accuracies=(accuracy,))
        for number, (cost, accuracy) in enumerate(zip(drawn.costs.tolist(), once.tolist(), strict=True))
    }
    chosen = sorted(near_front(measured, front, images=IMAGES, most=row.networks))
    return Simulated(drawn.costs[chosen], drawn.truth[chosen], drawn.accuracies[chosen, :-1], once[chosen])


def drawn_networks(row: Row, seed: int) -> Simulated:
    """Random networks."""
    rng = np.random.default_rng([seed, row.networks])
    place = np.sort(COSTS[row.costs](rng, row.networks))
    truth = LOWEST + 0.01 * (row.slope * TRENDS[row.trend](place) + row.scatter * rng.standard_normal(row.networks))
    noise = rng.standard_normal((row.networks, row.most))
    deviation = np.full(row.networks, DEVIATION)
    if row.noise == "heavy tails":
        noise *= np.sqrt(2 / rng.chisquare(4, noise.shape))  # t with 4 degrees of freedom has the variance 2
    elif row.noise in ("grows", "falls"):
        rank = truth.argsort().argsort() / max(row.networks - 1, 1)
        deviation = DEVIATION * (0.5 + (rank if row.noise == "grows" else 1 - rank))
    accuracies = np.clip(truth[:, None] + deviation[:, None] * noise, 0.0, 1.0)
    return Simulated(COST_RANGE**place, truth, accuracies, None)


def confirmed(row: Row, made: Simulated) -> list[Measured]:
    """The networks after the product's plan, one training at a time."""
    costs, accuracies = made.costs.tolist(), made.accuracies
    names = [str(index) for index in range(len(costs))]
    searched = [None] * len(costs) if made.searched is None else made.searched.tolist()
    plan = ConfirmationPlan(
        {name: (cost,) for name, cost in zip(names, costs, strict=True)},
        seeds=row.seeds,
        most=row.most,
        predicted={name: own for name, own in zip(names, searched, strict=True) if own is not None},
    )
    outcomes: dict[tuple[str, int], float | None] = {}
    while (key := plan(outcomes, ())) is not None:
        outcomes[key] = float(accuracies[int(key[0]), key[1]])
    counts = [sum(name == other for other, _ in outcomes) for name in names]
    return [
        Measured(costs=(cost,), accuracies=tuple(own[:count]), predicted=predicted)
        for cost, own, count, predicted in zip(costs, accuracies.tolist(), counts, searched, strict=True)
    ]


def on_front(costs: Values, means: Values) -> NDArray[np.bool_]:
    """Whether no network at no more cost is as accurate (n,). The costs differ and rise."""
    best_before = np.maximum.accumulate(np.append(-np.inf, means[:-1]))
    return means > best_before


def repeat(row: Row, seed: int, tally: Tally) -> None:
    """Add one repetition to the tally."""
    made = simulated(row, seed)
    costs, truth = made.costs, made.truth
    networks = confirmed(row, made)
    verdicts = Belief(networks).verdicts()
    belongs = on_front(costs, truth)
    tally.stated += [verdict.on_front for verdict in verdicts[1:]]
    tally.true += belongs[1:].tolist()
    tally.sure += [verdict.is_surely_on_front - verdict.is_surely_off_front for verdict in verdicts[1:]]
    reported, low, high = np.array([(verdict.expected, verdict.low, verdict.high) for verdict in verdicts]).T
    front = on_front(costs, reported)
    off = reported - truth
    tally.held.append(float(((low <= truth) & (truth <= high))[front].sum()))
    tally.within.append(int(front.sum()))
    tally.off.append(100 * float(off[front].sum()))
    tally.half_widths.append(50 * float((high - low)[front].mean()))
    best = np.maximum.accumulate(truth)
    chosen = truth[[int(reported[: index + 1].argmax()) for index in range(len(costs))]]
    tally.regrets.append(100 * float((best - chosen).mean()))
    tally.spent.append(sum(len(network.accuracies) for network in networks))


def of_chosen(tally: Tally, chosen: NDArray[np.bool_]) -> str:
    """How often the chosen networks are on the front, and the mean stated probability."""
    stated, true = np.array(tally.stated)[chosen], np.array(tally.true)[chosen]
    if not len(stated):
        return "none"
    error = np.sqrt(max(true.mean() * (1 - true.mean()), stated.mean() * (1 - stated.mean())) / len(true))
    return f"{true.mean():.3f} ± {error:.3f} (stated {stated.mean():.3f}, n {len(true)})"


def ratio(sums: Sequence[float], counts: Sequence[int]) -> tuple[float, float]:
    """A mean over all members, and its standard error over the repetitions."""
    total, number = np.array(sums), np.array(counts)
    mean = total.sum() / number.sum()
    error = np.sqrt(((total - mean * number) ** 2).sum()) / number.sum()
    return float(mean), float(error)


def lines_of(row: Row, tally: Tally, *, bins: bool) -> Iterator[str]:
    """The row of the table, and with `bins` a line for each bin of stated probabilities."""
    sure = np.array(tally.sure)
    held, held_error = ratio(tally.held, tally.within)
    off, off_error = ratio(tally.off, tally.within)
    spent = np.array(tally.spent)
    yield (
        f"| {row} | {row.noise} | {of_chosen(tally, sure > 0)} | {of_chosen(tally, sure < 0)} | "
        f"{held:.3f} ± {held_error:.3f} | {off:+.3f} ± {off_error:.3f} | {np.mean(tally.half_widths):.2f} | "
        f"{np.mean(tally.regrets):.3f} | {spent.mean():.1f} |"
    )
    if bins:
        stated = np.array(tally.stated)
        for low, high in pairwise(BINS):
            inside = (stated >= low) & ((stated < high) | (high == BINS[-1]))
            yield f"    stated {low:.2f} to {high:.2f}: {of_chosen(tally, inside)}"


def rows_of(text: str) -> tuple[Row, ...]:
    """The rows that the flag names: a set of rows, or `networks,scatter,slope`."""
    if text in ROWS:
        return ROWS[text]
    networks, scatter, slope = text.split(",")
    return (Row(int(networks), float(scatter), float(slope)),)


def main() -> None:
    """Parse the flags, simulate, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="main", help=f"{', '.join(ROWS)}, or NETWORKS,SCATTER,SLOPE")
    parser.add_argument("--noise", nargs="+", choices=NOISES, default=list(NOISES[:3]))
    parser.add_argument("--repetitions", type=int, default=120)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--bins", action="store_true", help="also the bins of stated probabilities")
    options = parser.parse_args()
    print("| n, scatter, slope | noise | surely on | surely off | intervals | optimism | half width | regret | seeds |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for plain in rows_of(options.rows):
        for noise in options.noise:
            row, tally = replace(plain, noise=noise), Tally()
            for repetition in range(options.repetitions):
                repeat(row, options.first_seed + repetition, tally)
            for line in lines_of(row, tally, bins=options.bins):
                print(line, flush=True)


if __name__ == "__main__":
    main()

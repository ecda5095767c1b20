"""Are the effects of SE over all trials of a search right, and how wide are their intervals? Simulated searches.

    uv run benchmarks/search_effects.py --repetitions 300

The true gain of SE in each stage is known. A search draws networks at random, or mutates the best ones; it stops the
worse half early. Two intervals are compared: the difference between networks with SE in a stage and networks without
it, at equal cost, by a bootstrap (as the page's marginal effects), and the gain of one model over all trials, with the
trunk's decisions as covariates (`se_nas.analysis.search_effects`). Prints coverage (stated: 0.95) and half the widths.
"""

import argparse
from collections.abc import Sequence
from random import Random

import numpy as np
from numpy.typing import NDArray

from se_nas.analysis.bootstrap import bootstrapped
from se_nas.analysis.equal_cost import above_equal_cost, accuracies, comparable_observations, cost_design
from se_nas.analysis.search_effects import stage_gains
from se_nas.searching.records import TrialRecord, TrialStatus
from se_nas.space.attention.tokens import NONE
from se_nas.space.decisions import Categorical, Decision, IntRange, Role, Value

STAGES, EPOCHS, RUNG = 3, 8, 3
NOISE, EARLY_NOISE = 0.008, 0.01
SE_SHARE = 0.02

DECISIONS: dict[str, Decision] = {
    name: decision
    for stage in range(1, STAGES + 1)
    for name, decision in {
        f"stage{stage}.width": IntRange(8 * stage, 32 * stage, 8, role=Role.WIDTH),
        f"stage{stage}.depth": IntRange(1, 4),
        f"stage{stage}.se": Categorical((False, True), role=Role.ATTENTION),
    }.items()
}

Values = NDArray[np.float64]


def search(true: Values, rng: np.random.Generator, *, trials: int, adaptive: bool, tails: bool) -> list[TrialRecord]:
    """The records of a search. Without `adaptive`, all networks are drawn at random."""
    draw = Random(int(rng.integers(1 << 31)))
    records: list[TrialRecord] = []
    at_rung: list[float] = []
    for number in range(trials):
        assignment = _proposal(records, draw, adaptive=adaptive and number >= trials // 4)
        flops, final = _network(assignment, true)
        final += NOISE * (rng.standard_t(3) / np.sqrt(3) if tails else rng.standard_normal())
        start = 0.3 + 0.02 * rng.standard_normal()
        curve = [
            final - start * np.exp(-epoch / 2) + EARLY_NOISE * (epoch < EPOCHS) * rng.standard_normal()
            for epoch in range(1, EPOCHS + 1)
        ]
        stopped = len(at_rung) >= 8 and curve[RUNG - 1] < np.median(at_rung)
        at_rung.append(curve[RUNG - 1])
        records.append(
            TrialRecord(
                number=number,
                status=TrialStatus.PRUNED if stopped else TrialStatus.COMPLETE,
                assignment=assignment,
                fingerprint=str(number),
                se=tuple("inner/4" if assignment[f"stage{stage + 1}.se"] else NONE for stage in range(STAGES)),
                cost={"flops": flops},
                curve=tuple(map(float, curve[:RUNG] if stopped else curve)),
            )
        )
    return records


def _proposal(records: Sequence[TrialRecord], draw: Random, *, adaptive: bool) -> dict[str, Value]:
    if not adaptive:
        return {name: decision.sample(draw) for name, decision in DECISIONS.items()}
    parent = max(draw.sample(list(records), 8), key=lambda record: record.curve[min(RUNG, len(record.curve)) - 1])
    changed = draw.sample(list(DECISIONS), 2)
    return {**parent.assignment, **{name: DECISIONS[name].sample(draw) for name in changed}}


def _network(assignment: dict[str, Value], true: Values) -> tuple[float, float]:
    """FLOPs and the true accuracy: it grows with the logarithm of FLOPs, depends on the shape, and on SE."""
    widths = np.array([float(assignment[f"stage{stage + 1}.width"]) for stage in range(STAGES)])
    depths = np.array([float(assignment[f"stage{stage + 1}.depth"]) for stage in range(STAGES)])
    present = np.array([float(assignment[f"stage{stage + 1}.se"]) for stage in range(STAGES)])
    each = depths * widths**2 * np.array([16.0, 4.0, 1.0])
    plain = float(each.sum())
    shape = 0.01 * np.tanh(depths - 2).sum() - 0.01 * abs(np.log(widths[2] / widths[0]) - 1)
    accuracy = 0.45 + 0.05 * np.log(plain / 1e4) - 0.004 * np.log(plain / 1e4) ** 2 + shape + float(present @ true)
    return float(plain + SE_SHARE * present @ each), float(accuracy)


def by_bootstrap(records: Sequence[TrialRecord]) -> tuple[Values, Values]:
    """The ends (stages,) of the intervals of networks with SE above those without, at equal cost."""
    observations = comparable_observations(records, ["flops"])
    accuracy, design = accuracies(observations), cost_design(observations, ["flops"])
    present = np.array([[token != NONE for token in one.record.se] for one in observations]).T

    def differences(chosen: NDArray[np.int64]) -> Values:
        residuals = above_equal_cost(accuracy[chosen], design[chosen])
        return np.array([residuals[own].mean() - residuals[~own].mean() for own in present[:, chosen]])

    fewest = np.minimum(present.sum(axis=1), (~present).sum(axis=1))
    return bootstrapped(differences, len(observations), behind=fewest)


def main() -> None:
    """Parse the flags, simulate, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print("| search | trials | bootstrap: coverage | half width | one model: coverage | half width | ratio |")
    print("| --- " * 7 + "|")
    for name, adaptive, tails in (("random", False, False), ("adaptive", True, False), ("heavy tails", True, True)):
        for trials in (60, 200):
            rng = np.random.default_rng(options.seed)
            before, after = [], []
            for _ in range(options.repetitions):
                true = 0.006 * rng.standard_normal(STAGES)
                records = search(true, rng, trials=trials, adaptive=adaptive, tails=tails)
                low, high = by_bootstrap(records)
                before += [(low[s] <= true[s] <= high[s], (high[s] - low[s]) / 2) for s in range(STAGES)]
                after += [
                    (abs(gain.mean - true[gain.stage - 1]) <= gain.half_width, gain.half_width)
                    for gain in stage_gains(records, ["flops"], DECISIONS)
                ]
            (covered, width), (covered_after, width_after) = np.mean(before, axis=0), np.mean(after, axis=0)
            print(
                f"| {name} | {trials} | {covered:.3f} | {100 * width:.2f} | {covered_after:.3f} | "
                f"{100 * width_after:.2f} | {width_after / width:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()

"""How much more does a designed experiment say than switching SE in one place at a time, for the same trainings?

    uv run benchmarks/designed_experiment.py
    uv run benchmarks/designed_experiment.py --table benchmarks/tables/resnet20.csv --found 3

Simulates both ways of an ablation on equal seeds, with known effects. The first table has half the widths of the
intervals of the stages' gains: switched one at a time, with Bonferroni (`se_nas.analysis.paired`), and as main effects
of a designed experiment, with the quantile of the largest t statistic. The second table has how often the true values
lie within their simultaneous intervals (stated: 0.95), for each list of intervals, with several kinds of noise, for a
fixed number of trainings and for `--until`; and how often the placement that is named the best is the best, beside the
stated probability. With `--table`, it also compares both ways on the accuracies of a table of all placements: a CSV
file with the columns placement (`nowhere` or the numbers of the stages with SE, joined by +), seed, epoch and accuracy.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from one_at_a_time import PairedAccuracies
from placement_rows import OF_ACCURACY, LastEpoch, checked_rows

from se_nas.analysis.designed.best import probabilities_of_best
from se_nas.analysis.designed.fractions import design_for
from se_nas.analysis.designed.model import Cell, Contrasts, Fitted, Key, distinct_pairs, fit
from se_nas.commands.ablate.experiment import Experiment, plan_experiment
from se_nas.commands.ablate.factors import Factors, Place
from se_nas.commands.ablate.plan import ExperimentPlan, fitted_to
from se_nas.errors import InputError
from se_nas.space.architecture import Architecture
from se_nas.space.attention.squeeze_excite import SqueezeExciteSpec
from se_nas.space.families.regnet import RegNetBlock
from se_nas.space.parts.stage import Stage
from se_nas.space.parts.stem import Stem

Values = NDArray[np.float64]
Noise = Callable[[np.random.Generator, float, float], float]
"""The deviation of a training, from its standard deviation and its network's mean above the average."""

DEVIATION = 0.008
"""The standard deviation of a training in docs/cifar10.md."""
EFFECT, INTERACTION = 0.006, 0.002
"""The standard deviations of the true main effects and interactions."""

NOISES: dict[str, Noise] = {
    "normal": lambda rng, deviation, mean: deviation * rng.standard_normal(),
    "heavy tails (t with 3)": lambda rng, deviation, mean: deviation * rng.standard_t(3) / np.sqrt(3),
    "grows with accuracy": lambda rng, deviation, mean: deviation * np.exp(30 * mean) * rng.standard_normal(),
}


@dataclass(frozen=True, slots=True)
class Covered:
    """Whether all true values of a list lie within their intervals; and the best placement: stated and true."""

    lists: Mapping[str, bool]
    stated_best: float
    is_best: bool
    half_width: float
    trainings: int


def an_experiment(stages: int) -> Experiment:
    """An experiment on a network with SE in its last stage, whose published SE is another one."""
    block = RegNetBlock(group_width=8, bottleneck=1)
    spec = SqueezeExciteSpec(site="inner", reduction=2)
    found = Architecture(
        stem=Stem.plain(width=16, stride=1),
        stages=tuple(
            Stage.of(block, depth=1, width=16, stride=1, se=(spec if index == stages - 1 else None,))
            for index in range(stages)
        ),
    )
    places = tuple(
        Place(name=f"stage{index + 1}", label=f"in stage {index + 1}", stage=index, blocks=(0,))
        for index in range(stages)
    )
    factors = Factors(found=found, places=places, attention=((spec,),) * stages, ratios=False, sites=())
    return plan_experiment(factors, lambda network: network)


def one_at_a_time(stages: int, trainings: int, deviation: float, rng: np.random.Generator) -> float:
    """Half the width of the interval of a stage's gain, if SE is switched in one stage at a time."""
    arms = ["found", "nowhere", "everywhere", *map(str, range(stages))]
    seeds = trainings // len(arms)
    table = {arm: {seed: deviation * rng.standard_normal() for seed in range(seeds)} for arm in arms}
    return PairedAccuracies(table).gain("0", "found", among=stages + 3).half_width


def simulate(
    experiment: Experiment, rng: np.random.Generator, noise: Noise, *, trainings: int, until: float | None = None
) -> Covered:
    """One experiment with true effects that are drawn from `rng`."""
    terms = experiment.terms
    true = np.concatenate(
        [
            EFFECT * rng.standard_normal(terms.factors),
            INTERACTION * rng.standard_normal(len(terms.pairs)),
            EFFECT * rng.standard_normal(len(terms.own)),
        ]
    )
    rows = {arm.name: terms.row(arm.name, arm.cell) for arm in experiment.placements}
    of_seed: dict[int, float] = {}
    plan = ExperimentPlan(experiment, seeds=10**6, until=until, most=trainings, report=lambda line: None)
    outcomes: dict[Key, float | None] = {}
    while (key := plan(outcomes, ())) is not None:
        name, seed = key
        block = of_seed.setdefault(seed, 0.005 * rng.standard_normal())
        mean = float(rows[name] @ true)
        outcomes[key] = mean + block + noise(rng, DEVIATION, mean)
    fitted = fitted_to(experiment, {key: value for key, value in outcomes.items() if value is not None})
    used = {seed for _, seed in fitted.keys}
    return _covered(experiment, fitted, rows, true, float(np.mean([of_seed[seed] for seed in used])))


def _covered(experiment: Experiment, fitted: Fitted, rows: Mapping[str, Values], true: Values, block: float) -> Covered:
    terms = fitted.contrasts
    mains = [terms.main_effect(factor) for factor in range(terms.factors)]
    pairs = [terms.interaction(pair) for pair in range(len(terms.pairs))]
    placements = list(rows.values())
    gains = [row - rows["nowhere"] for name, row in rows.items() if name != "nowhere"]
    levels, widths = fitted.levels(placements)
    lists = {
        name: _inside(*fitted.differences(contrasts), np.array(contrasts) @ true)
        for name, contrasts in (("main effects", mains), ("interactions", pairs), ("over nowhere", gains))
        if contrasts
    }
    best = probabilities_of_best(fitted, placements, draws=4_000)
    means = np.array(placements) @ true
    return Covered(
        lists=lists | {"placements": _inside(levels, widths, means + block)},
        stated_best=float(best.max()),
        is_best=bool(means.argmax() == best.argmax()),
        half_width=float(fitted.differences(mains)[1].max()),
        trainings=len(fitted.keys),
    )


def _inside(means: Values, widths: Values, true: Values) -> bool:
    return bool((np.abs(means - true) <= widths).all())


def width_rows(trainings: int, *, repetitions: int) -> Iterator[str]:
    """A row for each number of stages: half the widths of both ways, and their ratio."""
    rng = np.random.default_rng(0)
    for stages in (3, 4, 5, 6):
        before = [one_at_a_time(stages, trainings, DEVIATION, rng) for _ in range(repetitions)]
        experiment = an_experiment(stages)
        if trainings < 2 * experiment.size:
            yield f"| {stages} | {100 * np.mean(before):.2f} | needs {2 * experiment.size} trainings | |"
            continue
        after = [
            simulate(experiment, rng, NOISES["normal"], trainings=trainings).half_width for _ in range(repetitions)
        ]
        ratio = np.mean(after) / np.mean(before)
        yield f"| {stages} | {100 * np.mean(before):.2f} | {100 * np.mean(after):.2f} | {ratio:.2f} |"


def coverage_row(stages: int, noise: str, *, trainings: int, until: float | None, repetitions: int) -> str:
    """A row with the coverage of each list, and with the stated and the true frequency of the best placement."""
    experiment, rng = an_experiment(stages), np.random.default_rng(1)
    found = [simulate(experiment, rng, NOISES[noise], trainings=trainings, until=until) for _ in range(repetitions)]
    lists = [f"{np.mean([one.lists[name] for one in found]):.3f}" for name in LISTS]
    how = f"{trainings} trainings" if until is None else f"until {100 * until:g}"
    used = np.mean([one.trainings for one in found])
    stated, true = np.mean([one.stated_best for one in found]), np.mean([one.is_best for one in found])
    return f"| {stages} | {noise} | {how} ({used:.0f}) | {' | '.join(lists)} | {stated:.2f} | {true:.2f} |"


LISTS = ("main effects", "interactions", "placements", "over nowhere")


def recorded_rows(table: Mapping[Key, float], found: str) -> Iterator[str]:
    """A row for each number of seeds: both ways on the accuracies of a table, for the same number of trainings."""
    stages = sorted({stage for name, _ in table for stage in name.split("+")} - {"nowhere"})
    everywhere = "+".join(stages)
    design = design_for(len(stages))
    cells = {
        "+".join(stage for stage, is_on in zip(stages, point, strict=True) if is_on) or "nowhere": Cell(
            point=point, treatments={}
        )
        for point in design.points
    }
    terms = Contrasts(factors=len(stages), pairs=distinct_pairs(design.points), treatments={}, own=())
    switched = [(_switched(found, stage, stages), found) for stage in stages]
    arms = list(dict.fromkeys([found, "nowhere", everywhere, *(name for name, _ in switched)]))
    compared = [(found, "nowhere"), (everywhere, "nowhere"), (everywhere, found), *switched]
    pairs = {frozenset(pair) for pair in compared if pair[0] != pair[1]}
    seeds = sorted(set.intersection(*({seed for name, seed in table if name == arm} for arm in {*arms, *cells})))
    for count in range(2, len(seeds) + 1):
        trainings = count * len(arms)
        paired = PairedAccuracies({arm: {seed: table[arm, seed] for seed in seeds[:count]} for arm in arms})
        order = [(name, seed) for seed in seeds for name in cells][:trainings]
        if trainings < 2 * len(cells) or len(order) < trainings:
            continue
        fitted = fit({key: table[key] for key in order}, cells, terms)
        means, widths = fitted.differences([terms.main_effect(factor) for factor in range(len(stages))])
        before = paired.gain(arms[-1], found, among=len(pairs)).half_width
        gains = ", ".join(f"{100 * mean:+.2f}" for mean in means)
        yield (
            f"| {trainings} | {100 * before:.2f} | {100 * widths.max():.2f} | {widths.max() / before:.2f} | {gains} |"
        )


def _switched(found: str, stage: str, stages: list[str]) -> str:
    on = {*found.split("+")} ^ {stage}
    return "+".join(each for each in stages if each in on) or "nowhere"


def read_table(path: Path) -> dict[Key, float]:
    """The accuracy after the last epoch, by placement and seed. InputError if the file is no table of placements."""
    last = LastEpoch.of(checked_rows(path, OF_ACCURACY))
    return {(name, seed): accuracy for name, own in last.accuracies.items() for seed, accuracy in own.items()}


def main() -> None:
    """Parse the flags, simulate, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trainings", type=int, default=60)
    parser.add_argument("--repetitions", type=int, default=1_000)
    parser.add_argument("--table", type=Path)
    parser.add_argument("--found", default="nowhere", help="the placement around which one stage at a time is switched")
    options = parser.parse_args()
    if options.table:
        try:
            table = read_table(options.table)
        except InputError as error:
            parser.error(str(error))
        print("| trainings | one at a time, ± | designed, ± | ratio | gains |\n| --- | --- | --- | --- | --- |")
        for row in recorded_rows(table, options.found):
            print(row)
        return
    print(f"{options.trainings} trainings, points\n\n| stages | one at a time, ± | designed, ± | ratio |")
    print("| --- | --- | --- | --- |")
    for row in width_rows(options.trainings, repetitions=min(200, options.repetitions)):
        print(row, flush=True)
    print(f"\n| stages | noise | trainings | {' | '.join(LISTS)} | best: stated | true |")
    print("| --- " * (5 + len(LISTS)) + "|")
    for noise in NOISES:
        for stages, trainings, until in ((3, 60, None), (4, 60, None), (5, 60, None), (3, 18, None), (3, 300, 0.005)):
            row = coverage_row(stages, noise, trainings=trainings, until=until, repetitions=options.repetitions)
            print(row, flush=True)


if __name__ == "__main__":
    main()

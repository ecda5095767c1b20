"""Compares the ranking of a supernet with an open table of placements that were trained alone.

    uv run launch/supernet.py --space benchmarks/tables/four_stages.yaml --data npz:cifar10_10k.npz --image-size 16 \\
        --epochs 8 --run RUN
    uv run benchmarks/supernet_trust.py RUN/supernet.json benchmarks/tables/four_stages.csv [--seeds RUN2/supernet.json]

The images must have the size of the table's trainings (`--image-size`), since arrays keep their own size otherwise.
`--seeds` names further supernets that were trained with other seeds; then the mean of their scores is compared, and the
tau of each is printed. The table is a CSV of `placement_table.py`; several tables of the same trainings are joined. It
prints Kendall's tau with the mean accuracies after the last epoch and its 95 % interval, beside the rankings that need
no training. The interval is a bootstrap over placements. It also prints how well one seed of the table ranks like the
others, which no ranking can be expected to exceed, and the rank of the supernet's best placement in the table.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np
from placement_rows import OF_ACCURACY, LastEpoch, checked_rows, placement_name
from recorded_guidance import check_costs
from rich.console import Console
from rich.table import Table

from se_nas.analysis.ranking_trust import Tau, kendall_tau
from se_nas.analysis.supernet_scores import SupernetScores
from se_nas.errors import InputError
from se_nas.runs.supernet_file import load_scores
from se_nas.wording import counted


def reliability(accuracies: Mapping[str, Mapping[int, float]]) -> float | None:
    """The mean tau of one seed with the mean of the other seeds, over placements that have all seeds."""
    seeds = sorted(set.intersection(*(set(by_seed) for by_seed in accuracies.values())))
    if len(seeds) < 2:
        return None
    table = np.array([[by_seed[seed] for seed in seeds] for by_seed in accuracies.values()])
    others = [np.delete(table, index, axis=1).mean(axis=1) for index in range(len(seeds))]
    return fmean(kendall_tau(table[:, index], others[index]) for index in range(len(seeds)))


def mean_scores(supernets: Sequence[SupernetScores]) -> SupernetScores:
    """The mean scores of supernets of one trunk. InputError if they have different placements."""
    first, *others = supernets
    read = [{each.fingerprint: each.accuracy for each in scores.placements} for scores in supernets]
    if any(
        other.trunk != first.trunk or own.keys() != read[0].keys() for other, own in zip(others, read[1:], strict=True)
    ):
        raise InputError("--seeds: the supernets have different trunks, or different placements were read from them")
    placements = [replace(each, accuracy=fmean(own[each.fingerprint] for own in read)) for each in first.placements]
    return replace(first, placements=tuple(placements))


def show(supernets: Sequence[SupernetScores], last: LastEpoch, console: Console) -> None:
    """Print the comparison. InputError if the supernet and the table have fewer than 6 placements in common."""
    accuracies, scores = last.accuracies, mean_scores(supernets)
    by_name = {placement_name(each.se): each for each in scores.placements}
    means = {
        by_name[name].fingerprint: fmean(by_seed.values()) for name, by_seed in accuracies.items() if name in by_name
    }
    trust = scores.trust(means)
    if trust is None:
        raise InputError(f"only {len(means)} placements of the supernet are in the table, but 6 are needed")
    seeds = [len(by_seed) for by_seed in accuracies.values()]
    console.print(f"{trust.count} placements, {min(seeds)} to {max(seeds)} seeds each, {counted(last.epoch, 'epoch')}")
    if last.unfinished:
        console.print(f"left out: {counted(last.unfinished, 'training')} without epoch {last.epoch}")
    table = Table(box=None)
    table.add_column("ranking")
    for column in ("Kendall's tau", "95 % interval"):
        table.add_column(column, justify="right")
    rows: list[Tau] = [trust.own, *trust.free]
    for row in rows:
        table.add_row(row.ranking, f"{row.tau:+.2f}", f"{row.low:+.2f} to {row.high:+.2f}")
    if len(supernets) > 1:
        for number, each in enumerate(supernets, start=1):
            alone = each.trust(means)
            if alone is not None:
                table.add_row(f"supernet {number} alone", f"{alone.own.tau:+.2f}", "")
    alike = reliability(accuracies)
    if alike is not None:
        table.add_row("one seed of the table, with the mean of its other seeds", f"{alike:+.2f}", "")
    console.print(table)
    console.print(trust.verdict)
    ranked = sorted(means, key=lambda name: -means[name])
    best = next(each for each in scores.best if each.fingerprint in means)
    lost = 100 * (means[ranked[0]] - means[best.fingerprint])
    console.print(
        f"the supernet's best placement is number {ranked.index(best.fingerprint) + 1} of {len(ranked)} in the table, "
        f"{lost:.2f} points below its best"
    )


def main() -> None:
    """Parse the flags, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scores", type=Path, help="the file supernet.json of launch/supernet.py")
    parser.add_argument("tables", type=Path, nargs="+", help="CSV files of benchmarks/placement_table.py")
    parser.add_argument("--seeds", type=Path, nargs="+", default=[], help="further supernets with other seeds")
    options = parser.parse_args()
    try:
        loaded = {path: load_scores(path) for path in (options.scores, *options.seeds)}
        rows = [row for path in options.tables for row in checked_rows(path, OF_ACCURACY, optional=("flops",))]
        flops = {row["placement"]: int(row["flops"]) for row in rows if row.get("flops")}
        for path, (scores, _) in loaded.items():
            check_costs(path, scores, flops)
        show([scores for scores, _ in loaded.values()], LastEpoch.of(rows), Console(width=110))
    except InputError as error:
        raise SystemExit(f"supernet_trust.py: {error}") from None
    for _, content in loaded.values():
        seconds = content["seconds"]
        print(f"{seconds['training']:.0f} s to train the supernet, {seconds['reading']:.0f} s to read it")


if __name__ == "__main__":
    main()

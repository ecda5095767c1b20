"""Would the same constants of `FrontPruner` have been chosen without the table on which they are judged?

    uv run --with-requirements benchmarks/peers.txt benchmarks/left_out.py TABLES_DIR

Each curve table is left out in turn. Of 27 settings, the one with the least regret on the other tables (geometric mean
at 50 and 100 trainings) is replayed on the table that was left out, on other seeds. Prints its regret there and the
regret of the present constants, as multiples of the regret without pruning.
"""

import argparse
import os
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray
from replay import RuleFactory, Shuffled, Table, load_curve_tables, replay
from rich.console import Console
from rich.table import Table as RichTable
from search_quality import RESOLUTION, OurRule

BUDGETS = (50, 100)
SETTINGS = [
    {"SURE": sure, "EARLIEST": earliest, "WORTHWHILE": worthwhile}
    for sure, earliest, worthwhile in product((0.7, 0.8, 0.85), (0.03, 0.06, 0.12), (1.0, 1.1, 1.3))
]
TABLES: list[Table] = []


def regrets(job: tuple[int, dict[str, float] | None, range]) -> NDArray[np.float64]:
    """The mean regret at each budget on a table, with these constants ({}: the present ones; None: no pruning)."""
    number, constants, seeds = job
    table = TABLES[number]
    build: RuleFactory | None = None if constants is None else partial(OurRule, changed=constants)
    shares = []
    for seed in seeds:
        rule = build(table.epochs, seed) if build else None
        outcome = replay(table, Shuffled(table, seed), rule, seed=seed, budget=max(BUDGETS), workers=4)
        shares.append([outcome.share_at(budget) for budget in BUDGETS])
    return 1 - np.mean(shares, axis=0) + RESOLUTION


def main() -> None:
    """Parse the flags, choose the constants, judge them, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", type=Path, help="folder with the recorded tables")
    parser.add_argument("--choosing", type=int, default=8, help="seeds to choose on")
    parser.add_argument("--judging", type=int, default=30, help="seeds to judge on")
    parser.add_argument("--first-seed", type=int, default=30_000)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    options = parser.parse_args()
    TABLES.extend(load_curve_tables(options.tables))
    if len(TABLES) < 2:
        parser.error(f"{options.tables}: at least two recorded curve tables must be there, but got {len(TABLES)}")
    numbers = range(len(TABLES))
    chosen_on = range(options.first_seed, options.first_seed + options.choosing)
    judged_on = range(chosen_on.stop, chosen_on.stop + options.judging)
    with get_context("fork").Pool(options.processes) as pool:
        tried = pool.map(regrets, [(n, setting, chosen_on) for setting in SETTINGS for n in numbers], chunksize=1)
        logs = np.log(np.array(tried)).reshape(len(SETTINGS), len(TABLES), len(BUDGETS)).mean(axis=2)
        best = [int(np.delete(logs, left_out, axis=1).mean(axis=1).argmin()) for left_out in numbers]
        judged: list[tuple[int, dict[str, float] | None, range]] = []
        for n in numbers:
            judged += [(n, None, judged_on), (n, {}, judged_on), (n, SETTINGS[best[n]], judged_on)]
        found = np.array(pool.map(regrets, judged, chunksize=1)).reshape(len(TABLES), 3, len(BUDGETS))
    ratios = found[:, 1:] / found[:, :1]
    view = RichTable(title=f"regret as a multiple of no pruning's at {BUDGETS} trainings", box=None)
    for column in ("left out", "chosen on the others", "regret with them", "with the constants as they are"):
        view.add_column(column)
    for n in numbers:
        constants = ", ".join(f"{name} {value}" for name, value in SETTINGS[best[n]].items())
        view.add_row(TABLES[n].name, constants, *(_told(ratios[n, which]) for which in (1, 0)))
    means = np.exp(np.log(ratios).mean(axis=0))
    view.add_row("geometric mean", "", _told(means[1]), _told(means[0]))
    Console(width=140).print(view)


def _told(ratios: NDArray[np.float64]) -> str:
    return " / ".join(f"{ratio:.2f}" for ratio in ratios)


if __name__ == "__main__":
    main()

"""How good is the front that a search finds for its epochs? Our methods and others, replayed on recorded trainings.

    uv run --with-requirements benchmarks/peers.txt benchmarks/search_quality.py TABLES_DIR --part stopping
    uv run --with-requirements benchmarks/peers.txt benchmarks/search_quality.py TABLES_DIR --part proposing
    uv run --with-requirements benchmarks/peers.txt benchmarks/search_quality.py TABLES_DIR --part whole
    uv run --with-requirements benchmarks/peers.txt benchmarks/search_quality.py TABLES_DIR --part handed

The parts: stopping rules on random networks with recorded curves; proposers on full grids, where nothing is stopped;
and whole searches, on the same grids with learning curves borrowed from other tables. `handed` measures both kinds by
the networks that a user receives when trainings are noisy (`handed.py`). It keeps each replay in OUT.json, and a later
call adds only missing replays: `--replay-again METHOD` replays a method again after a change of its code.

The other parts print a table, and write OUT.csv (every replay) and OUT.html (one figure); `--told OUT.csv --against
METHOD` compares those replays with another method. Pairs share their seed: the same networks come in the same order.
Intervals are bootstraps over the seeds, 95 %.
"""

import argparse
import csv
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unittest.mock import patch

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import optuna
import plotly.graph_objects as go
from handed import Reported, received, with_noise
from handed_part import Job, print_summary, read_store, run_jobs, write_store
from numpy.typing import NDArray
from peers import PROPOSERS, STOPPING, OptunaSearchAsha
from replay import (
    Outcome,
    Proposer,
    RuleFactory,
    Shuffled,
    StoppingRule,
    Table,
    grafted,
    load_curve_tables,
    load_grids,
    replay,
)
from rich.console import Console
from rich.table import Table as RichTable

from se_nas.searching.candidates import Inspection
from se_nas.searching.objectives import Objectives
from se_nas.searching.propose.strategies import STRATEGIES, SearchProblem
from se_nas.searching.records import TrialRecord, TrialStatus
from se_nas.searching.stop import pruning
from se_nas.searching.stop.rung_value import Arrivals
from se_nas.searching.surrogate.posterior import expectations
from se_nas.space.decisions import Assignment, Categorical

NOTHING = "no pruning"
OURS = "FrontPruner"
RAY = "Ray: OptunaSearch + ASHA"
TARGET = 100
RESOLUTION = 0.002
"""Added to each regret before ratios are taken, so that a front found completely does not make them infinite."""


class OurRule:
    """`FrontPruner` on an Optuna study in memory, as a search calls it, with the constants in `changed`."""

    def __init__(
        self,
        epochs: int,
        seed: int,
        *,
        kind: type[pruning.FrontPruner] = pruning.FrontPruner,
        never_stopped: int = 10,
        changed: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._storage = optuna.storages.InMemoryStorage()
        self._study = optuna.create_study(storage=self._storage, directions=["maximize", "minimize"])
        self._epochs, self._changed = epochs, dict(changed)
        with patch.dict(vars(pruning), self._changed):
            self._pruner = kind(costs=["flops"], epochs=epochs, never_stopped=never_stopped)
        self._ids: list[int] = []

    def started(self, trial: int, costs: tuple[float, ...]) -> None:
        """Add the trial with its cost."""
        running = optuna.trial.create_trial(state=optuna.trial.TrialState.RUNNING, user_attrs={"flops": costs[0]})
        self._study.add_trial(running)
        study_id = self._storage.get_study_id_from_name(self._study.study_name)
        self._ids.append(self._storage.get_trial_id_from_study_id_trial_number(study_id, trial))

    def keep_going(self, trial: int, epoch: int, accuracy: float) -> bool:
        """Report the epoch, and ask the pruner."""
        self._storage.set_trial_intermediate_value(self._ids[trial], epoch, accuracy)
        if epoch not in self._pruner.rungs:
            return True
        with patch.dict(vars(pruning), self._changed):
            return self._pruner.reason_to_stop(self._study, self._storage.get_trial(self._ids[trial]), epoch) is None

    def finished(self, trial: int, accuracy: float) -> None:
        """Report the last epoch."""
        self._storage.set_trial_intermediate_value(self._ids[trial], self._epochs, accuracy)


class Unsparing(pruning.FrontPruner):
    """Our rule, but it stops by place alone, also trials that no other trial beats."""

    def _outlook(self, arrivals: Arrivals, in_the_race: NDArray[np.bool_]) -> str:
        return "not looked at"


class OurProposer:
    """One of our strategies on a grid of unordered choices."""

    def __init__(self, table: Table, seed: int, *, strategy: str = "front") -> None:
        assert table.choices is not None
        options = [int(column.max()) + 1 for column in table.choices.T]
        names = [f"decision {index}" for index in range(len(options))]
        words = [[f"option {option}" for option in range(count)] for count in options]
        row_of = {tuple(choices): row for row, choices in enumerate(table.choices.tolist())}
        self._macs, self._tried, self._count = table.macs, set[int](), 0

        def row_for(assignment: Assignment) -> int:
            return row_of[tuple(words[i].index(str(assignment[name])) for i, name in enumerate(names))]

        decisions = {name: Categorical(tuple(choices)) for name, choices in zip(names, words, strict=True)}
        self._row_for = row_for
        problem = SearchProblem(
            decisions=decisions,
            sample=lambda rng: {name: decision.sample(rng) for name, decision in decisions.items()},
            neighbours=lambda assignment: (
                {**assignment, name: value}
                for name, decision in decisions.items()
                for value in decision.neighbours(assignment[name])
            ),
            inspect=lambda assignment: Inspection(
                str(row_for(assignment)), {"flops": float(self._macs[row_for(assignment)])}
            ),
            objectives=Objectives(("flops",)),
            seed=seed,
        )
        self._strategy = STRATEGIES[strategy](problem)
        self._decisions = decisions
        self._running: dict[int, TrialRecord] = {}
        self._ended: list[TrialRecord] = []

    def ask(self) -> int:
        """The best untried row, which is reported as running at once."""
        while (row := self._row_for((proposal := self._strategy.ask()).assignment)) in self._tried:
            pass
        self._tried.add(row)
        self._running[row] = TrialRecord(
            number=self._count,
            status=TrialStatus.RUNNING,
            assignment=proposal.assignment,
            fingerprint=str(row),
            se=(),
            cost={"flops": float(self._macs[row])},
            memo=proposal.memo,
        )
        self._count += 1
        self._strategy.tell(self._running[row])
        return row

    def tell(self, row: int, curve: Sequence[float], *, complete: bool) -> None:
        """Report the end of the trial."""
        status = TrialStatus.COMPLETE if complete else TrialStatus.PRUNED
        self._ended.append(replace(self._running.pop(row), status=status, curve=tuple(curve)))
        self._strategy.tell(self._ended[-1])

    def reported(self, finished: int) -> Reported:
        """What was expected of the first `finished` networks when the last of them had finished."""
        complete = [index for index, record in enumerate(self._ended) if record.status is TrialStatus.COMPLETE]
        known = self._ended[: complete[finished - 1] + 1] if finished else []
        expected = expectations(known, self._decisions, Objectives(("flops",)))
        own = [record for record in known if record.status is TrialStatus.COMPLETE]
        if not expected:
            return Reported(np.array([record.curve[-1] for record in own]), np.full(len(own), np.nan))
        found = [expected[record.number] for record in own]
        return Reported(np.array([one.mean for one in found]), np.array([one.deviation for one in found]))


STOPPING_RULES: dict[str, RuleFactory | None] = {
    NOTHING: None,
    OURS: OurRule,
    f"{OURS}, every rung open": partial(OurRule, changed={"WORTHWHILE": -np.inf}),
    f"{OURS}, rungs from epoch 1": partial(OurRule, changed={"EARLIEST": 0.0}),
    f"{OURS}, none always finishes": partial(OurRule, never_stopped=0),
    f"{OURS}, unbeaten not spared": partial(OurRule, kind=Unsparing),
    **STOPPING,
}
CHOOSERS: dict[str, Callable[[Table, int], Proposer]] = {
    "front": OurProposer,
    "evolution": partial(OurProposer, strategy="evolution"),
    "reinforce": partial(OurProposer, strategy="reinforce"),
    **{name: (lambda table, seed, build=build: _peer(build, table, seed)) for name, build in PROPOSERS.items()},
}


SEARCHES: dict[str, tuple[str, str]] = {
    "front + FrontPruner": ("front", OURS),
    "front": ("front", NOTHING),
    "random + FrontPruner": ("random", OURS),
    "multivariate TPE + FrontPruner": ("multivariate TPE", OURS),
    "random": ("random", NOTHING),
    "Optuna: multivariate TPE": ("multivariate TPE", NOTHING),
    "Optuna: NSGA-II of 20": ("NSGA-II of 20", NOTHING),
    "OptunaHub: TPE + Pareto rank": ("multivariate TPE", "OptunaHub Pareto rank"),
    "NePS: random + MO-ASHA": ("random", "NePS MO-ASHA"),
    "Syne Tune: random + MOASHA": ("random", "Syne Tune MOASHA"),
    "Syne Tune: random + MOASHA, corrected": ("random", "Syne Tune MOASHA, corrected"),
    "OptunaHub: NSGA-II + Pareto rank": ("NSGA-II of 20", "OptunaHub Pareto rank"),
    RAY: (RAY, RAY),
}
"""Whole searches: the proposer and the stopping rule of each."""
HANDED = {
    "proposing": ("front", "evolution", "reinforce", "multivariate TPE", "NSGA-II of 20", "random"),
    "whole": (
        "front + FrontPruner",
        "OptunaHub: TPE + Pareto rank",
        "OptunaHub: NSGA-II + Pareto rank",
        "Syne Tune: random + MOASHA, corrected",
    ),
}
"""The searches that `handed` compares, with the stopping rules that were best with these proposers in `whole`. Beside
a rule that stops more trials, multivariate TPE repeats its proposals so often that a replay takes minutes."""
PARTS = {"stopping": STOPPING_RULES, "proposing": CHOOSERS, "whole": SEARCHES}
BASELINES = {"stopping": NOTHING, "proposing": "multivariate TPE", "whole": "Optuna: multivariate TPE"}
DONORS = {
    "nasbench201_cifar10": "metaqnn_cifar10",
    "nasbench201_cifar100": "lcbench_volkert",
    "nasbench201_imagenet": "lcbench_jannis",
    "nas_bench_macro": "metaqnn_svhn",
}
"""The table whose learning curves a grid borrows for whole searches."""


def _peer(build: Callable[..., Proposer], table: Table, seed: int) -> Proposer:
    assert table.choices is not None
    row_of = {tuple(choices): row for row, choices in enumerate(table.choices.tolist())}
    return build([int(column.max()) + 1 for column in table.choices.T], table.macs, row_of.__getitem__, seed)


def searcher(part: str, method: str, table: Table, seed: int) -> tuple[Proposer, StoppingRule | None]:
    """The proposer and the stopping rule of a method; None if there is none."""
    if method == RAY:
        both = _peer(partial(OptunaSearchAsha, epochs=table.epochs), table, seed)
        assert isinstance(both, OptunaSearchAsha)
        return both, both
    if part == "whole":
        chooser, rule = SEARCHES[method]
    else:
        chooser, rule = ("", method) if part == "stopping" else (method, NOTHING)
    build = STOPPING_RULES[rule]
    return CHOOSERS[chooser](table, seed) if chooser else Shuffled(table, seed), build and build(table.epochs, seed)


def load(part: str, folder: Path) -> list[Table]:
    """The tables of a part; [] if there are none."""
    if part == "stopping":
        return load_curve_tables(folder)
    grids = load_grids(folder)
    if part == "proposing":
        return grids
    if part == "handed":
        return [*grids, *load("whole", folder)]
    donors = {table.name: table for table in load_curve_tables(folder)}
    return [grafted(grid, donors[DONORS[grid.name]]) for grid in grids if DONORS[grid.name] in donors]


def one(job: tuple[str, str, int]) -> dict[str, Any]:
    """Replay once; return the row of the CSV."""
    name, method, seed = job
    table, options = TABLES[name], OPTIONS
    proposer, rule = searcher(options.part, method, table, seed)
    outcome = replay(
        table,
        proposer,
        rule,
        seed=seed,
        budget=max(options.budgets),
        workers=options.workers,
        by_macs=options.weight == "macs",
    )
    return {"table": name, "method": method, "seed": seed} | figures(outcome, options.budgets)


def figures(outcome: Outcome, budgets: Sequence[int]) -> dict[str, Any]:
    """The figures of a replay that are written."""
    shares = {f"share {budget}": round(outcome.share_at(budget), 6) for budget in budgets}
    counts = {"started": len(outcome.started), "finished": len(outcome.rows)}
    lost = {"front stopped": round(outcome.front_stopped, 4), "duplicates": round(outcome.duplicates, 4)}
    steps = {
        f"to {level:.3f}": round(outcome.budget_to(level, max(budgets)), 3) for level in targets(outcome.table.name)
    }
    return shares | counts | lost | steps


def hand(job: Job) -> dict[str, Any]:
    """The figures of the networks that a user receives from one replay, by number of trainings."""
    table, options = TABLES[job.table], OPTIONS
    noisy = with_noise(table, job.noise, job.seed)
    proposer, rule = searcher(_part(job.table), job.method, noisy, job.seed)
    outcome = replay(noisy, proposer, rule, seed=job.seed, budget=max(options.budgets), workers=options.workers)
    finished = {budget: int((outcome.spent <= budget).sum()) for budget in options.budgets}
    return {
        str(budget): received(
            table, outcome, budget, proposer.reported(count) if isinstance(proposer, OurProposer) else None
        )
        for budget, count in finished.items()
    }


def _part(table: str) -> str:
    """The part that a table belongs to: on a grid without learning curves, searches only propose."""
    return "proposing" if TABLES[table].epochs == 1 else "whole"


def tell_what_is_handed(console: Console) -> None:
    """Add the missing replays, and print the tables of the part `handed`."""
    methods = {
        table: [name for name in HANDED[_part(table)] if name in (OPTIONS.methods or HANDED[_part(table)])]
        for table in TABLES
        if not OPTIONS.only or table in OPTIONS.only
    }
    store = OPTIONS.out.with_suffix(".json")
    write_store(store, {job: row for job, row in read_store(store).items() if job.method not in OPTIONS.replay_again})
    seeds = range(OPTIONS.first_seed, OPTIONS.first_seed + OPTIONS.seeds)
    jobs = [
        Job(table, method, noise, seed)
        for table in methods
        for method in methods[table]
        for noise in OPTIONS.noise
        for seed in seeds
    ]
    found = run_jobs(jobs, hand, store, budgets=OPTIONS.budgets, processes=OPTIONS.processes)
    ours = [names[0] for names in HANDED.values()]
    replayed = {table: names for table, names in methods.items() if names}
    print_summary(console, found, replayed, ours, OPTIONS.budgets, OPTIONS.against)


def targets(table: str) -> list[float]:
    """The fraction whose price is printed: a search without pruning reaches it at `TARGET`, in a first pass."""
    return [LEVELS[table]] if table in LEVELS else []


LEVELS: dict[str, float] = {}
TABLES: dict[str, Table] = {}
OPTIONS = argparse.Namespace()


def run_all(methods: Sequence[str], seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Run all replays on all cores."""
    jobs = [(table, method, seed) for method in methods for table in TABLES for seed in seeds]
    with get_context("fork").Pool(OPTIONS.processes) as pool:
        return list(pool.imap_unordered(one, jobs))


def read_replays(path: Path) -> list[dict[str, Any]]:
    """The rows of an earlier run."""
    with path.open(newline="") as file:
        return [
            {key: value if key in ("table", "method") else float(value) for key, value in row.items() if value}
            for row in csv.DictReader(file)
        ]


def summary(rows: list[dict[str, Any]], methods: Sequence[str], against: str) -> tuple[RichTable, list[str]]:
    """A line for each method: regret at each budget as a multiple of `against`'s with its interval; its worst table."""
    budgets = OPTIONS.budgets
    share = {(row["table"], row["method"], row["seed"]): [row[f"share {b}"] for b in budgets] for row in rows}
    seeds = sorted({row["seed"] for row in rows})
    cube = np.array([[[share[table, method, seed] for seed in seeds] for table in TABLES] for method in methods])
    regret = 1 - cube + RESOLUTION  # methods, tables, seeds, budgets
    base = methods.index(against)
    picks = np.random.default_rng(0).integers(len(seeds), size=(1000, len(seeds)))
    title = f"regret as a multiple of '{against}' (geometric mean over {len(TABLES)} tables; 95 %); worst share ratio"
    view = RichTable(title=title, box=None)
    view.add_column("method")
    for budget in budgets:
        view.add_column(f"{budget} trainings", justify="right")
    for column in ("worst table", "started", "front stopped", "epochs to target", "duplicates"):
        view.add_column(column, justify="right")
    lines = []
    for index, method in enumerate(methods):
        cells = []
        for position in range(len(budgets)):
            ours, theirs = regret[index, :, :, position], regret[base, :, :, position]
            ratio = np.exp(np.log(ours.mean(axis=1) / theirs.mean(axis=1)).mean())
            boot = np.exp(np.log(ours[:, picks].mean(axis=2) / theirs[:, picks].mean(axis=2)).mean(axis=0))
            low, high = np.quantile(boot, [0.025, 0.975])
            cells.append(f"{ratio:.2f} ({low:.2f}-{high:.2f})")
        worst = (cube[index].mean(axis=1) / cube[base].mean(axis=1)).min(axis=0)
        own = [row for row in rows if row["method"] == method]
        price = []
        for table in TABLES:
            for key in (f"to {level:.3f}" for level in targets(table)):
                price.append(np.mean([row[key] for row in own if row["table"] == table]) / TARGET)
        cells.append(" ".join(f"{value:.2f}" for value in worst))
        cells.append(f"{np.mean([row['started'] for row in own]):.0f}")
        cells.append(f"{np.mean([row['front stopped'] for row in own]):.2f}")
        cells.append(f"{np.exp(np.log(price).mean()):.2f}" if price else "")
        cells.append(f"{np.mean([row['duplicates'] for row in own]):.2f}")
        view.add_row(method, *cells)
    wide = max(map(len, TABLES))
    for table_index, table in enumerate(TABLES):
        for index, method in enumerate(methods):
            means = " ".join(f"{value:.4f}" for value in cube[index, table_index].mean(axis=0))
            ours, theirs = regret[index, table_index], regret[base, table_index]  # seeds, budgets
            ratio = ours.mean(axis=0) / theirs.mean(axis=0)
            low, high = np.quantile(ours[picks].mean(axis=1) / theirs[picks].mean(axis=1), [0.025, 0.975], axis=0)
            told = " ".join(f"{r:.2f} ({a:.2f}-{b:.2f})" for r, a, b in zip(ratio, low, high, strict=True))
            lines.append(f"{table:{wide}s} {method:36s} {means}   {told}")
    return view, lines


def draw(rows: list[dict[str, Any]], methods: Sequence[str], path: Path) -> None:
    """A figure of the mean fraction of the hypervolume against the budget, over all tables."""
    figure = go.Figure()
    for method in methods:
        own = [row for row in rows if row["method"] == method]
        shares = [np.mean([row[f"share {budget}"] for row in own]) for budget in OPTIONS.budgets]
        width = 4 if method in (OURS, "front", "front + FrontPruner") else 1.5
        figure.add_scatter(x=OPTIONS.budgets, y=shares, name=method, mode="lines+markers", line={"width": width})
    figure.update_layout(
        template="plotly_white", xaxis_title="trainings' worth of epochs", yaxis_title="mean share of the hypervolume"
    )
    figure.write_html(path)


def main() -> None:
    """Parse the flags, replay, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", type=Path, help="folder with the recorded tables")
    parser.add_argument("--part", choices=[*PARTS, "handed"], default="stopping")
    parser.add_argument("--budgets", type=int, nargs="+", default=[20, 50, 100, 200])
    parser.add_argument("--seeds", type=int, default=30, help="how many")
    parser.add_argument("--first-seed", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=4, help="trials side by side, in simulated time")
    parser.add_argument("--weight", choices=["epochs", "macs"], default="epochs", help="what a budget counts")
    parser.add_argument("--methods", nargs="+", help="only these")
    parser.add_argument("--only", nargs="+", help="handed: only these tables")
    parser.add_argument("--noise", type=float, nargs="+", default=[0.0, 1.0, 3.0], help="handed: see `handed.py`")
    parser.add_argument("--replay-again", nargs="+", default=[], help="handed: methods that are replayed again")
    parser.add_argument("--against", help="the method that the others are compared with")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=Path("search_quality"))
    parser.add_argument("--told", type=Path, help="tell of the replays in this CSV, of an earlier run, and run none")
    parser.parse_args(namespace=OPTIONS)
    loaded = load(OPTIONS.part, OPTIONS.tables)
    if not loaded:
        parser.error(f"{OPTIONS.tables}: no recorded table is there")
    TABLES.update({table.name: table for table in loaded})
    if OPTIONS.part == "handed":
        handed = {name for names in HANDED.values() for name in names}
        asked = [*(OPTIONS.methods or ()), *OPTIONS.replay_again, *filter(None, [OPTIONS.against])]
        if unknown := [name for name in asked if name not in handed]:
            parser.error(f"no method {', '.join(unknown)}; known: {', '.join(sorted(handed))}")
        if unknown := [name for name in OPTIONS.only or () if name not in TABLES]:
            parser.error(f"no table {', '.join(unknown)}; known: {', '.join(TABLES)}")
        tell_what_is_handed(Console(width=220))
        return
    known = list(PARTS[OPTIONS.part])
    against = OPTIONS.against or BASELINES[OPTIONS.part]
    methods = list(dict.fromkeys([against, *(OPTIONS.methods or known)]))
    if unknown := [method for method in methods if method not in known]:
        parser.error(f"no method {', '.join(unknown)}; known: {', '.join(known)}")
    told = read_replays(OPTIONS.told) if OPTIONS.told else []
    seeds = sorted({int(row["seed"]) for row in told}) or range(OPTIONS.first_seed, OPTIONS.first_seed + OPTIONS.seeds)
    if OPTIONS.part == "stopping" and max(OPTIONS.budgets) >= TARGET:
        for name, table in TABLES.items():
            runs = [replay(table, Shuffled(table, seed), None, seed=seed, budget=TARGET, workers=1) for seed in seeds]
            LEVELS[name] = float(np.mean([run.share_at(TARGET) for run in runs]))
    rows = told or run_all(methods, seeds)
    methods = [method for method in methods if any(row["method"] == method for row in rows)]
    view, lines = summary(rows, methods, against)
    console = Console(width=220)
    for line in lines:
        console.print(line, highlight=False, markup=False)
    console.print(view)
    if not OPTIONS.told:
        with OPTIONS.out.with_suffix(".csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(dict.fromkeys(key for row in rows for key in row)))
            writer.writeheader()
            writer.writerows(rows)
    draw(rows, methods, OPTIONS.out.with_suffix(".html"))


if __name__ == "__main__":
    main()

"""The part `handed` of `search_quality.py`: replays with noise, which a JSON file collects, and their summary."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from handed import COST_QUANTILES
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table as RichTable

from se_nas.files import write_atomically

Values = NDArray[np.float64]

RESOLUTION = 0.02
"""Points that are added to each mean regret before ratios are taken, so that no regret makes them infinite."""
RESAMPLES = 1_000


@dataclass(frozen=True, slots=True, order=True)
class Job:
    """The settings of one replay."""

    table: str
    method: str
    noise: float
    seed: int


Found = dict[Job, dict[str, Any]]
"""The figures of each replay, by number of trainings (`handed.received`)."""


def read_store(path: Path) -> Found:
    """The replays of earlier runs; {} if there is no file."""
    rows = json.loads(path.read_text()) if path.exists() else []
    return {Job(**row["job"]): row["after"] for row in rows}


def write_store(path: Path, found: Found) -> None:
    """Write all replays, and replace the earlier file."""
    rows = [{"job": asdict(job), "after": found[job]} for job in sorted(found)]
    write_atomically(path, "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


def run_jobs(
    jobs: Sequence[Job],
    one: Callable[[Job], dict[str, Any]],
    store: Path,
    *,
    budgets: Sequence[int],
    processes: int,
) -> Found:
    """The figures of all jobs after each budget. Jobs that the store lacks are replayed, seed after seed."""
    found, wanted = read_store(store), {str(budget) for budget in budgets}
    lacking = (job for job in jobs if not wanted <= found.get(job, {}).keys())
    missing = sorted(lacking, key=lambda job: (job.seed, job.noise, job))
    with get_context("fork").Pool(processes) as pool:
        for count, (job, after) in enumerate(pool.imap_unordered(WithJob(one), missing), start=1):
            found[job] = after
            if count % 20 == 0 or count == len(missing):
                write_store(store, found)
                print(f"{count} of {len(missing)} replays; the last: {job}", flush=True)
    return {job: found[job] for job in jobs}


@dataclass(frozen=True, slots=True)
class WithJob:
    """A call that returns its job too."""

    one: Callable[[Job], dict[str, Any]]

    def __call__(self, job: Job) -> tuple[Job, dict[str, Any]]:
        """The job and its figures."""
        return job, self.one(job)


@dataclass(frozen=True)
class Summary:
    """Replays of equal jobs for each of `methods`: `regrets` (methods, tables, seeds, cost budgets) in points."""

    methods: Sequence[str]
    tables: Sequence[str]
    regrets: Values
    shares: Values
    optimism: Values
    stopped: Values
    held: Values

    @classmethod
    def of(
        cls, found: Found, methods: Sequence[str], tables: Sequence[str], noise: float, seeds: Sequence[int], after: str
    ) -> "Summary":
        """The comparison for one noise and one number of trainings."""

        def cube(key: str) -> Values:
            return np.array(
                [
                    [[found[Job(table, method, noise, seed)][after][key] for seed in seeds] for table in tables]
                    for method in methods
                ],
                dtype=float,
            )

        return cls(
            methods,
            tables,
            cube("regrets"),
            cube("share"),
            cube("optimism"),
            cube("front stopped"),
            cube("held"),
        )

    def ratios(self, method: int, base: int) -> tuple[float, float, float]:
        """The geometric mean over the tables of mean regret as a multiple of `base`'s, with its 95 % interval."""
        of = self.regrets.mean(axis=3) + RESOLUTION  # methods, tables, seeds
        picks = np.random.default_rng(0).integers(of.shape[2], size=(RESAMPLES, of.shape[2]))
        ratio = np.exp(np.log(of[method].mean(axis=1) / of[base].mean(axis=1)).mean())
        boot = np.exp(np.log(of[method][:, picks].mean(axis=2) / of[base][:, picks].mean(axis=2)).mean(axis=0))
        low, high = np.quantile(boot, [0.025, 0.975])
        return float(ratio), float(low), float(high)

    def best_peer(self, peers: Sequence[str]) -> int:
        """The index of the peer with the smallest geometric mean (over the tables) of its mean regret."""
        means = np.log(self.regrets.mean(axis=(2, 3)) + RESOLUTION).mean(axis=1)
        return min((self.methods.index(peer) for peer in peers), key=lambda index: means[index])


def print_summary(
    console: Console,
    found: Found,
    methods: Mapping[str, Sequence[str]],
    ours: Sequence[str],
    budgets: Sequence[int],
    against: str | None = None,
) -> None:
    """A table for each noise and number of trainings; `methods` are the methods that were replayed on each table.

    The others are compared with the method `against`, or else with the best method that is not one of `ours`.
    """
    groups: dict[tuple[str, ...], list[str]] = {}
    for table, names in methods.items():
        groups.setdefault(tuple(names), []).append(table)
    seeds = sorted({job.seed for job in found})
    for names, tables in groups.items():
        peers = [name for name in names if name not in ours]
        for noise in sorted({job.noise for job in found}):
            for budget in budgets:
                summary = Summary.of(found, names, tables, noise, seeds, str(budget))
                base = summary.best_peer(peers) if peers else 0
                if against in names:
                    base = names.index(against)
                view = RichTable(
                    title=f"noise {noise:g}, {budget} trainings, {len(seeds)} seeds: budget regret in points, the mean "
                    f"and at the {_quantiles()} % budgets of cost; ratio to {names[base]}",
                    box=None,
                    title_justify="left",
                )
                for column in ("table", "method", "mean", "95 %", "at each budget", "surely worse", "hypervolume"):
                    view.add_column(column)
                for column in ("optimism", "90 % held", "front pruned"):
                    view.add_column(column, justify="right")
                for cells in _rows(summary, base):
                    view.add_row(*cells)
                console.print(view)
                for index, name in enumerate(names):
                    ratio, low, high = summary.ratios(index, base)
                    console.print(f"    {name:44s} {ratio:.2f} ({low:.2f}-{high:.2f})", highlight=False)


def _rows(summary: Summary, base: int) -> Iterator[list[str]]:
    """The cells of each table and method; "surely worse" lists the budgets with a paired difference above 0."""
    count = summary.regrets.shape[2]
    picks = np.random.default_rng(0).integers(count, size=(RESAMPLES, count))
    for place, table in enumerate(summary.tables):
        for index, method in enumerate(summary.methods):
            regrets = summary.regrets[index, place]  # seeds, budgets
            low, high = np.quantile(regrets.mean(axis=1)[picks].mean(axis=1), [0.025, 0.975])
            differences = regrets - summary.regrets[base, place]
            worse = np.quantile(differences[picks].mean(axis=1), 0.025, axis=0) > 0
            held, stated = summary.held[index, place].sum(axis=0)
            yield [
                table,
                method,
                f"{regrets.mean():.3f}",
                f"{low:.2f}-{high:.2f}",
                " ".join(f"{value:.2f}" for value in regrets.mean(axis=0)),
                " ".join(f"{100 * q:g}" for q, is_worse in zip(COST_QUANTILES, worse, strict=True) if is_worse),
                f"{summary.shares[index, place].mean():.4f}",
                f"{summary.optimism[index, place].mean():+.2f}",
                f"{held / stated:.2f} of {stated:.0f}" if stated else "",
                f"{summary.stopped[index, place].mean():.2f}",
            ]


def _quantiles() -> str:
    return " / ".join(f"{100 * quantile:g}" for quantile in COST_QUANTILES)

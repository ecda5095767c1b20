"""Replays a search on recorded trainings: many workers in simulated time, nothing is trained.

A curve table has networks that were all trained to the end, with their accuracy after each epoch. A grid has every
network of a small space with its final accuracy. A search is judged by its fully trained networks alone: by the
hypervolume of (accuracy, log MACs), against the table's worst accuracy and highest cost, as a fraction of the whole
table's hypervolume.
"""

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import moocore
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree
from scipy.stats import iqr, rankdata

Values = NDArray[np.float64]


class StoppingRule(Protocol):
    """Decides after each epoch except the last whether a trial continues. Trials are numbered as they start."""

    def started(self, trial: int, costs: tuple[float, ...]) -> None:
        """A trial begins; `costs` are minimised."""

    def keep_going(self, trial: int, epoch: int, accuracy: float) -> bool:
        """Whether the trial continues; False stops it for ever. Epochs count from 1."""

    def finished(self, trial: int, accuracy: float) -> None:
        """A trial has trained to its last epoch."""


class Proposer(Protocol):
    """Chooses the next row of a table."""

    def ask(self) -> int:
        """A row to train."""

    def tell(self, row: int, curve: Sequence[float], *, complete: bool) -> None:
        """Report the accuracy of a row after each epoch, and whether it was fully trained or stopped."""


@dataclass(frozen=True)
class Table:
    """n networks: `curves` (n, epochs), MACs (n,), and the accuracy by which they are judged (n,).

    Grids have one epoch, for which `curves` has the mean of the recorded runs, and `choices` (n, decisions). A search
    gets one of `runs` (n, repeats) as the final accuracy.
    """

    name: str
    curves: Values
    macs: Values
    runs: Values | None = None
    choices: NDArray[np.int64] | None = None

    @property
    def epochs(self) -> int:
        """The number of epochs of a full training."""
        return self.curves.shape[1]

    @cached_property
    def points(self) -> Values:
        """The points (n, 2) that are minimised."""
        return np.column_stack([-self.curves[:, -1], np.log(self.macs)])

    @cached_property
    def whole(self) -> float:
        """The hypervolume of all networks."""
        return float(moocore.hypervolume(self.points, ref=self.points.max(axis=0)))

    @cached_property
    def front(self) -> NDArray[np.bool_]:
        """Whether each network is on the true front (n,)."""
        kept: NDArray[np.bool_] = moocore.is_nondominated(self.points)
        return kept

    def share(self, rows: NDArray[np.int64]) -> float:
        """The hypervolume of some networks as a fraction of that of all networks."""
        return (
            float(moocore.hypervolume(self.points[rows], ref=self.points.max(axis=0))) / self.whole
            if len(rows)
            else 0.0
        )


@dataclass(frozen=True)
class Outcome:
    """The outcome: all trials, the fully trained rows, and the epochs (in trainings) spent at each end."""

    spent: Values
    rows: NDArray[np.int64]
    started: NDArray[np.int64]
    stopped: NDArray[np.int64]
    table: Table

    def share_at(self, budget: float) -> float:
        """The fraction of the hypervolume after the epochs of `budget` full trainings."""
        return self.table.share(self.rows[self.spent <= budget])

    def budget_to(self, share: float, limit: float) -> float:
        """The epochs, in trainings, until that fraction is reached; `limit` if it is not."""
        low, high = 0, len(self.rows)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self.table.share(self.rows[: middle + 1]) < share else (low, middle)
        return float(self.spent[low]) if low < len(self.rows) else limit

    @property
    def front_stopped(self) -> float:
        """The fraction of the started networks of the true front that was stopped."""
        seen = self.table.front[self.started].sum()
        return float(self.table.front[self.stopped].sum() / seen) if seen else 0.0

    @property
    def duplicates(self) -> float:
        """The fraction of trials whose row had been started before."""
        return 1 - len(np.unique(self.started)) / len(self.started)


class Shuffled:
    """Proposes random rows, each once."""

    def __init__(self, table: Table, seed: int) -> None:
        self._rows = iter(np.random.default_rng([seed, 1]).permutation(len(table.macs)))

    def ask(self) -> int:
        """The next row; StopIteration after the last."""
        return int(next(self._rows))

    def tell(self, row: int, curve: Sequence[float], *, complete: bool) -> None:
        """Ignore the result."""


def replay(
    table: Table,
    proposer: Proposer,
    rule: StoppingRule | None,
    *,
    seed: int,
    budget: int,
    workers: int,
    by_macs: bool = False,
) -> Outcome:
    """Search until the epochs of `budget` full trainings are spent.

    An epoch takes one unit of time, plus or minus a tenth, or a time by MACs. A trial that is still in training at the
    end does not count.
    """
    rng = np.random.default_rng([seed, 2])
    weight = table.macs / table.macs.mean() if by_macs else np.ones(len(table.macs))
    rows: list[int] = []
    epoch_of: list[int] = []
    queue: list[tuple[float, int]] = []
    finished: list[tuple[float, int]] = []
    stopped: list[int] = []
    spent, limit = 0.0, float(budget * table.epochs)

    def due(now: float, trial: int) -> None:
        heapq.heappush(queue, (now + weight[rows[trial]] * math.exp(0.1 * rng.standard_normal()), trial))

    def start(now: float) -> None:
        try:
            row = proposer.ask()
        except (StopIteration, IndexError):
            return
        rows.append(row)
        epoch_of.append(0)
        if rule is not None:
            rule.started(len(rows) - 1, (float(table.macs[row]),))
        due(now, len(rows) - 1)

    for _ in range(workers):
        start(0.0)
    while queue and spent < limit:
        now, trial = heapq.heappop(queue)
        row = rows[trial]
        epoch_of[trial] += 1
        epoch = epoch_of[trial]
        spent += weight[row]
        accuracy = float(table.curves[row, epoch - 1])
        if epoch == table.epochs:
            if spent <= limit:
                finished.append((spent / table.epochs, row))
            shown = accuracy if table.runs is None else float(rng.choice(table.runs[row]))
            if rule is not None:
                rule.finished(trial, shown)
            proposer.tell(row, (*table.curves[row, :-1].tolist(), shown), complete=True)
            start(now)
        elif rule is not None and not rule.keep_going(trial, epoch, accuracy):
            stopped.append(row)
            proposer.tell(row, table.curves[row, :epoch].tolist(), complete=False)
            start(now)
        else:
            due(now, trial)
    return Outcome(
        spent=np.array([when for when, _ in finished]),
        rows=np.array([row for _, row in finished], dtype=np.int64),
        started=np.array(rows, dtype=np.int64),
        stopped=np.array(stopped, dtype=np.int64),
        table=table,
    )


def load_curve_tables(folder: Path) -> list[Table]:
    """The curves of each `*_curves.npz`: one table (acc, macs), as `record_curves.py` writes it, or several tables
    (*_val_acc, *_macs)."""
    tables = []
    for path in sorted(folder.glob("*_curves.npz")):
        with np.load(path) as file:
            if "acc" in file.files:
                tables.append(_curves(path.name.removesuffix("_curves.npz"), file["acc"], file["macs"]))
            names = [key.removesuffix("_val_acc") for key in file.files if key.endswith("_val_acc")]
            tables += [_curves(f"lcbench_{name}", file[f"{name}_val_acc"], file[f"{name}_macs"]) for name in names]
    return tables


def load_grids(folder: Path) -> list[Table]:
    """The full grids: `nasbench201_final.npz` on three data sets and `nas_bench_macro.npz`."""
    grids = []
    for path in folder.glob("nasbench201_final.npz"):
        with np.load(path) as file:
            for name in ("cifar10", "cifar100", "imagenet"):
                runs, macs = file[f"{name}_val_acc"], file[f"{name}_macs"]
                grids.append(_grid(f"nasbench201_{name}", runs, macs, file["op_index"]))
    for path in folder.glob("nas_bench_macro.npz"):
        with np.load(path) as file:
            grids.append(_grid("nas_bench_macro", file["test_acc"], file["flops"], file["arch"]))
    return grids


def grafted(grid: Table, donor: Table) -> Table:
    """The grid with learning curves from another table, because no recorded table has both.

    Each network takes the curve of the donor's network that is nearest in (quantile of final accuracy, quantile of
    MACs). The curve is shifted to end at the network's own accuracy, and scaled by the ratio of the interquartile
    ranges.
    """

    def quantiles(table: Table) -> Values:
        return np.column_stack([rankdata(table.curves[:, -1]), rankdata(table.macs)]) / len(table.macs)

    nearest = KDTree(quantiles(donor)).query(quantiles(grid))[1]
    missing = donor.curves - donor.curves[:, -1:]
    scale = iqr(grid.curves[:, -1]) / iqr(donor.curves[:, -1])
    curves = grid.curves[:, -1:] + scale * missing[nearest]
    return replace(grid, name=f"{grid.name} + {donor.name}", curves=np.clip(curves, 0.0, 1.0))


def _curves(name: str, accuracy: Values, macs: Values) -> Table:
    return Table(name, _as_share(accuracy), macs.astype(float))


def _grid(name: str, runs: Values, macs: Values, choices: NDArray[np.int64]) -> Table:
    """The table of a grid. The network's mean replaces a missing run."""
    runs = _as_share(runs)
    mean = np.nanmean(runs, axis=1)
    runs = np.where(np.isnan(runs), mean[:, None], runs)
    return Table(name, mean[:, None], macs.astype(float), runs, choices.astype(np.int64))


def _as_share(accuracy: Values) -> Values:
    """Convert percentages to fractions."""
    accuracy = accuracy.astype(float)
    return accuracy / 100 if np.nanmax(accuracy) > 1.5 else accuracy


RuleFactory = Callable[[int, int], StoppingRule]
"""Builds a stopping rule from the number of epochs and the seed."""

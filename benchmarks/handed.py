"""Measures what a user receives: one network for each cost budget, chosen after single noisy trainings.

The noise of one training is given as a multiple of the standard deviation among the best fifth of the table's
accuracies. The budgets of cost are the 10, 25, 50, 75 and 100 % quantiles of the logarithm of the table's cost. The
budget regret is the true accuracy, in points, by which the chosen network falls short of the best network of no more
cost.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import moocore
import numpy as np
from replay import Outcome, Table, Values

COST_QUANTILES = (0.1, 0.25, 0.5, 0.75, 1.0)
NORMAL_QUANTILE_90 = 1.645
"""Half the width of a normal 90 % interval, in standard deviations."""
SHARED = 0.5
"""The fraction of a noisy curve's variance that is common to all epochs of a training."""


@dataclass(frozen=True)
class Reported:
    """The report of a search on its n finished networks: the accuracy (n,) by which a network is chosen, and the
    standard deviation (n,) of the true accuracy around it; NaN if the search states none."""

    accuracy: Values
    deviation: Values


def noise_deviation(table: Table, noise: float) -> float:
    """The standard deviation of one training's final accuracy, as a fraction."""
    best = np.sort(table.curves[:, -1])[-max(2, len(table.macs) // 5) :]
    return noise * float(best.std())


def with_noise(table: Table, noise: float, seed: int) -> Table:
    """The table as measured by one training of each network. The same seed gives the same noise to every method."""
    rng = np.random.default_rng([seed, 3])
    deviation = noise_deviation(table, noise)
    shared, own = rng.standard_normal((len(table.macs), 1)), rng.standard_normal(table.curves.shape)
    weight = SHARED if table.epochs > 1 else 0.0
    curves = table.curves + deviation * (np.sqrt(weight) * shared + np.sqrt(1 - weight) * own)
    return replace(table, curves=np.clip(curves, 0.0, 1.0), runs=None)


def cost_budgets(table: Table) -> Values:
    """The highest cost that each budget allows (5,)."""
    budgets: Values = np.quantile(np.log(table.macs), COST_QUANTILES)
    return np.exp(budgets) * (1 + 1e-12)


def budget_regrets(table: Table, rows: Sequence[int], accuracy: Values) -> list[float]:
    """The budget regret (5,) in points of the networks `rows` (n,), chosen by `accuracy` (n,).

    If no network fits a budget, the choice counts as a random one of the table's networks that fit.
    """
    truth, regrets = table.curves[:, -1], []
    found = np.asarray(rows, dtype=np.int64)
    for limit in cost_budgets(table):
        fits, within = table.macs[found] <= limit, truth[table.macs <= limit]
        chosen = truth[found[fits][accuracy[fits].argmax()]] if fits.any() else within.mean()
        regrets.append(100 * float(within.max() - chosen))
    return regrets


def received(table: Table, outcome: Outcome, trainings: float, reported: Reported | None = None) -> dict[str, object]:
    """The figures of a search after the epochs of a number of trainings; `outcome` is of the table with noise.

    `reported` is for the networks that have finished by then. Without it, their last epochs are used. `by observed` are
    the regrets of a choice by the last epoch alone. Optimism is the mean of (reported - true accuracy) over the
    reported front, in points.
    """
    rows = outcome.rows[outcome.spent <= trainings]
    observed = outcome.table.curves[rows, -1]
    if reported is None:
        reported = Reported(observed, np.full(len(rows), np.nan))
    front = np.zeros(0, dtype=np.int64)
    if len(rows):
        front = np.flatnonzero(moocore.is_nondominated(np.column_stack([-reported.accuracy, table.macs[rows]])))
    off = reported.accuracy[front] - table.curves[rows[front], -1]
    stated = np.isfinite(reported.deviation[front])
    held = np.abs(off[stated]) <= NORMAL_QUANTILE_90 * reported.deviation[front][stated]
    return {
        "regrets": [round(regret, 5) for regret in budget_regrets(table, rows.tolist(), reported.accuracy)],
        "by observed": [round(regret, 5) for regret in budget_regrets(table, rows.tolist(), observed)],
        "share": round(table.share(rows), 6),
        "optimism": round(100 * float(off.mean()), 5) if len(off) else 0.0,
        "held": [int(held.sum()), len(held)],
        "front stopped": round(outcome.front_stopped, 5),
    }

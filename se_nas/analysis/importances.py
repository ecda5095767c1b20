"""Importances: how much of the accuracy at equal cost depends on each decision.

A random forest (Breiman, Machine Learning 45, 2001) predicts networks that it has not seen from their decisions. The
importance of a decision is the loss of explained variance when its values are shuffled (section 10 of that paper).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from se_nas.analysis.equal_cost import (
    Factor,
    Values,
    above_equal_cost,
    accuracies,
    comparable_observations,
    cost_design,
    factors_of,
)
from se_nas.searching.records import TrialRecord
from se_nas.space.attention.tokens import parse_token
from se_nas.space.decisions import Decision, Role

FOLDS, REPEATS, TREES = 5, 5, 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """The fraction of the variance that is no longer predicted without a decision: mean over folds, 95 % interval."""

    factor: str
    mean: float
    low: float
    high: float

    @property
    def is_sure(self) -> bool:
        """Whether the interval is above zero."""
        return self.low > 0


@dataclass(frozen=True, slots=True)
class Importances:
    """The importances of all decisions.

    `explained` is the fraction of the variance of unseen networks that all decisions together predict.
    """

    explained: float
    of_each: tuple[Importance, ...]


def importances(
    records: Sequence[TrialRecord], costs: Sequence[str], decisions: Mapping[str, Decision]
) -> Importances | None:
    """The importance of each decision, the most important first; None if networks are too few or nothing differs."""
    observations = comparable_observations(records, costs)
    if not observations:
        return None
    factors = {factor.name: _numbers(factor) for factor in factors_of(observations, decisions)}
    factors = {name: values for name, values in factors.items() if np.ptp(values) > 0}
    wanted = above_equal_cost(accuracies(observations), cost_design(observations, costs))
    if not factors or np.ptp(wanted) == 0:
        return None
    table = np.column_stack(list(factors.values()))
    predicted, lost = _without_each(table, wanted)
    half = _half_widths(lost)
    variance = float(((wanted - wanted.mean()) ** 2).sum())
    of_each = [
        Importance(
            factor=name,
            mean=float(lost[:, index].mean()),
            low=float(lost[:, index].mean() - half[index]),
            high=float(lost[:, index].mean() + half[index]),
        )
        for index, name in enumerate(factors)
    ]
    return Importances(
        explained=1 - float(((wanted - predicted) ** 2).sum()) / variance,
        of_each=tuple(sorted(of_each, key=lambda one: -one.mean)),
    )


def _without_each(table: Values, wanted: Values) -> tuple[Values, Values]:
    """The prediction for each network from the others (n,), and the fraction of variance lost (folds, factors)."""
    from sklearn.ensemble import RandomForestRegressor  # slow to import, and needed only at the end of a search
    from sklearn.model_selection import KFold

    predicted, lost = np.empty(len(wanted)), []
    generator = np.random.default_rng(0)
    for known, unseen in KFold(FOLDS, shuffle=True, random_state=0).split(table):
        forest = RandomForestRegressor(TREES, min_samples_leaf=2, random_state=0).fit(table[known], wanted[known])
        predicted[unseen] = forest.predict(table[unseen])
        shuffled = _with_each_shuffled(table[unseen], generator)
        without = forest.predict(shuffled.reshape(-1, table.shape[1])).reshape(shuffled.shape[:-1])
        error = np.mean((predicted[unseen] - wanted[unseen]) ** 2)
        lost.append((np.mean((without - wanted[unseen]) ** 2, axis=(1, 2)) - error) / wanted.var())
    return predicted, np.array(lost)


def _with_each_shuffled(table: Values, generator: np.random.Generator) -> Values:
    """The table (n, factors) with each of its columns shuffled in turn: (factors, REPEATS, n, factors).

    One call predicts all of them, because a forest's call takes longer than its networks do (`benchmarks/LOG.md`).
    """
    tables = np.tile(table, (table.shape[1], REPEATS, 1, 1))
    for column, shuffled in enumerate(tables):
        shuffled[..., column] = generator.permuted(shuffled[..., column], axis=1)
    return tables


def _half_widths(lost: Values) -> Values:
    """Half the width of each interval. All intervals hold together with 95 % (Bonferroni).

    The folds share training data. The correction is from Nadeau and Bengio, Machine Learning 52, 2003, section 3.
    """
    folds, factors = lost.shape
    quantile = float(stdtrit(folds - 1, 1 - 0.05 / 2 / factors))
    widths: Values = quantile * lost.std(axis=0, ddof=1) * np.sqrt(1 / folds + 1 / (folds - 1))
    return widths


def _numbers(factor: Factor) -> Values:
    """The values as numbers (n,). An attention becomes its share (1 / reduction for SE, 0 for no attention). A number
    stays as it is. Any other word becomes its place in alphabetical order."""
    values = factor.values
    if any(isinstance(value, str) for value in values):
        words = sorted({str(value) for value in values})
        shares = {word: _share_of_attention(word) if factor.role is Role.ATTENTION else None for word in words}
        known = all(share is not None for share in shares.values()) and len(set(shares.values())) == len(words)
        return np.array([shares[str(value)] if known else words.index(str(value)) for value in values], dtype=float)
    return np.array(values, dtype=float)


def _share_of_attention(token: str) -> float | None:
    """The share of an attention; None for the tokens of several blocks that differ."""
    try:
        spec = parse_token(token)
    except ValueError:
        return None
    return 0.0 if spec is None else spec.share

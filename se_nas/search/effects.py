"""What a whole search says without further training: who is better than others of its cost, and what short trials tell.

Stopped trials count with the accuracy that was expected of them (`lessons`): those alone that were trained to the end
are the better ones, and would hide what makes a network worse.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from se_nas.search.lessons import Lesson, lessons_of
from se_nas.search.records import TrialRecord, TrialStatus
from se_nas.wording import format_value

Values = NDArray[np.float64]

RESAMPLES = 500
CONFIDENCE = 0.95
LEAST_LESSONS = 12
"""Fewer networks tell nothing of effects."""
LEAST_IN_A_GROUP = 3
MOST_GROUPS = 5
"""Numbers with more values than that are put together by size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marginal:
    """How far networks with one value of a decision are above the average network of their cost (a share, with its 95 %
    interval), and how many they are."""

    factor: str
    value: str
    mean: float
    low: float
    high: float
    count: int

    @property
    def is_sure(self) -> bool:
        """Whether zero is outside the interval."""
        return self.low > 0 or self.high < 0


def marginals(records: Sequence[TrialRecord], costs: Sequence[str]) -> list[Marginal]:
    """Of SE in each stage and of every other decision; none while there are too few networks.

    Accuracy is compared at equal cost: what a square in the logarithm of each cost explains is taken out. Intervals are
    bootstraps over the networks (Efron, 1979), that fit included.
    """
    lessons = [lesson for lesson in lessons_of(records) if all(name in lesson.record.cost for name in costs)]
    if len(lessons) < LEAST_LESSONS:
        return []
    accuracy = np.array([lesson.accuracy for lesson in lessons])
    logs = np.log(np.maximum([[lesson.record.cost[name] for name in costs] for lesson in lessons], 1e-12))
    design = np.column_stack([np.ones(len(lessons)), logs - logs.mean(axis=0), (logs - logs.mean(axis=0)) ** 2])
    groups = _groups(lessons)
    if not groups:
        return []
    members = np.array([member for _, _, member in groups], dtype=float)

    def means(chosen: NDArray[np.int64]) -> Values:
        """(g,) of the residuals of these networks, NaN for an empty group."""
        fit = np.linalg.lstsq(design[chosen], accuracy[chosen], rcond=None)[0]
        residuals = accuracy[chosen] - design[chosen] @ fit
        counts = members[:, chosen].sum(axis=1)
        with np.errstate(invalid="ignore"):
            found: Values = members[:, chosen] @ residuals / np.where(counts > 0, counts, np.nan)
        return found

    low, high = _bootstrapped(means, len(lessons))
    found = means(np.arange(len(lessons)))
    return [
        Marginal(
            factor=factor,
            value=value,
            mean=float(found[index]),
            low=float(low[index]),
            high=float(high[index]),
            count=int(member.sum()),
        )
        for index, (factor, value, member) in enumerate(groups)
    ]


def _groups(lessons: Sequence[Lesson]) -> list[tuple[str, str, NDArray[np.bool_]]]:
    """(decision, value, who has it (n,)), where at least two values have enough networks. SE comes first, as it was
    built: its decisions count only where a stage has SE at all."""
    stages = max(len(lesson.record.se) for lesson in lessons)
    factors: dict[str, list[object]] = {
        f"SE in stage {stage + 1}": [lesson.record.se[stage] for lesson in lessons] for stage in range(stages)
    }
    for name in lessons[0].record.assignment:
        if not name.endswith((".se", ".site", ".reduction")):
            factors[name] = [lesson.record.assignment[name] for lesson in lessons]
    groups = []
    for name, values in factors.items():
        own = [(name, label, member) for label, member in _split(values).items() if member.sum() >= LEAST_IN_A_GROUP]
        groups += own if len(own) > 1 else []
    return groups


def _split(values: Sequence[object]) -> Mapping[str, NDArray[np.bool_]]:
    """Who has each value; many numbers are put into groups of equal size."""
    distinct = sorted(set(values), key=lambda value: (isinstance(value, str), value != "none", value))
    if len(distinct) <= MOST_GROUPS or any(isinstance(value, str) for value in distinct):
        return {format_value(value): np.array([other == value for other in values]) for value in distinct}
    numbers = np.array(values, dtype=float)
    edges = np.unique(np.quantile(numbers, np.linspace(0, 1, MOST_GROUPS)))
    split = {}
    for low, high in pairwise(edges):
        member = (numbers >= low) & ((numbers < high) | (high == edges[-1]))
        if member.any():
            split[f"{numbers[member].min():.4g} to {numbers[member].max():.4g}"] = member
    return split


@dataclass(frozen=True, slots=True, kw_only=True)
class Foretelling:
    """How an epoch orders the networks, against the last: Spearman's rank correlation with its 95 % interval."""

    epoch: int
    correlation: float
    low: float
    high: float


def foretelling(records: Sequence[TrialRecord]) -> list[Foretelling]:
    """Of each epoch, over the networks that were trained to the end; none while they are fewer than `LEAST_LESSONS`.

    They were selected by their early accuracy, which makes the correlation lower than it is over all networks.
    """
    curves = [record.curve for record in records if record.status is TrialStatus.COMPLETE]
    if len(curves) < LEAST_LESSONS or len({len(curve) for curve in curves}) > 1:
        return []
    table = np.array(curves)
    return [
        Foretelling(epoch=epoch, **_rank_correlation(table[:, epoch - 1], table[:, -1]))
        for epoch in range(1, table.shape[1])
    ]


def _rank_correlation(first: Values, second: Values) -> dict[str, float]:
    from scipy.stats import rankdata  # as in `foresight`

    def correlation(chosen: NDArray[np.int64]) -> Values:
        ranks = rankdata(first[chosen]), rankdata(second[chosen])
        return np.array(np.corrcoef(*ranks)[0, 1] if min(np.ptp(each) for each in ranks) > 0 else 0.0)

    low, high = _bootstrapped(correlation, len(first))
    return {"correlation": float(correlation(np.arange(len(first)))), "low": float(low), "high": float(high)}


def _bootstrapped(statistic: Callable[[NDArray[np.int64]], Values], count: int) -> tuple[Values, Values]:
    """The interval's ends of a statistic of `count` networks, given by their indices; NaN is left out."""
    rng = np.random.default_rng(0)
    resampled = np.array([statistic(rng.integers(0, count, count)) for _ in range(RESAMPLES)])
    low, high = np.nanquantile(resampled, [0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2], axis=0)
    return low, high

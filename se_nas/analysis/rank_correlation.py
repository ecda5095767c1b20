"""Can short trials be trusted? Rank correlations of early and of later accuracies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from se_nas.analysis.equal_cost import LEAST_OBSERVATIONS, Values
from se_nas.searching.records import TrialRecord, TrialStatus

LEAST_PAIRS = 6
"""The least number of networks whose rank correlation is reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochPrediction:
    """Spearman's rank correlation between the accuracies after an epoch and after the last, with its 95 % interval."""

    epoch: int
    correlation: float
    low: float
    high: float


def epoch_predictions(records: Sequence[TrialRecord]) -> list[EpochPrediction]:
    """The correlation of each epoch with the last, over the networks that were trained to the end.

    It is empty if they are fewer than `LEAST_OBSERVATIONS`. These networks were selected by their early accuracy, so
    the correlation is lower than it is over all networks.
    """
    curves = [record.curve for record in records if record.status is TrialStatus.COMPLETE]
    if len(curves) < LEAST_OBSERVATIONS or len({len(curve) for curve in curves}) > 1:
        return []
    table = np.array(curves)
    return [
        EpochPrediction(epoch=epoch, **_rank_correlation(table[:, epoch - 1], table[:, -1]))
        for epoch in range(1, table.shape[1])
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The agreement between accuracies in the search and later accuracies of `count` networks.

    It contains Spearman's rank correlation, its 95 % interval, and the mean change in accuracy.
    """

    count: int
    correlation: float
    low: float
    high: float
    change: float


def agreement(searched: Mapping[int, float], later: Mapping[int, float]) -> Agreement | None:
    """The agreement over the trials that have both accuracies; None if there are fewer than `LEAST_PAIRS`."""
    both = sorted(searched.keys() & later.keys())
    if len(both) < LEAST_PAIRS:
        return None
    first, second = np.array([searched[trial] for trial in both]), np.array([later[trial] for trial in both])
    return Agreement(count=len(both), change=float((second - first).mean()), **_rank_correlation(first, second))


def _rank_correlation(first: Values, second: Values) -> dict[str, float]:
    """Spearman's rank correlation, with its 95 % interval by Fisher's z (error of Fieller et al., Biometrika 44, 1957).

    For the interval, a perfect order of n networks counts as 1 - 1 / n: few networks may be in order by chance.
    """
    from scipy.stats import rankdata  # slow to import

    ranks = rankdata(first), rankdata(second)
    found = float(np.corrcoef(*ranks)[0, 1]) if min(np.ptp(each) for each in ranks) > 0 else 0.0
    most = 1 - 1 / len(first)
    z, half = np.arctanh(np.clip(found, -most, most)), 1.96 * 1.03 / np.sqrt(len(first) - 3)
    low, high = float(np.tanh(z - half)), float(np.tanh(z + half))
    return {"correlation": found, "low": min(low, found), "high": max(high, found)}

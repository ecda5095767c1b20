"""Is the predicted latency right? The prediction of a table beside the measured time of the same networks."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

LEAST_NETWORKS = 6
"""The fewest networks whose rank correlation is reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedLatency:
    """A trial's predicted milliseconds, its measured milliseconds, and the quartiles `low` and `high` of all passes."""

    trial: int
    predicted: float
    measured: float
    low: float
    high: float

    @property
    def error(self) -> float:
        """The relative error of the prediction, below zero if it is too low."""
        return self.predicted / self.measured - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyCheck:
    """The networks that were measured, and the title of the setting: runtime, device, threads and batch."""

    setting: str
    networks: tuple[CheckedLatency, ...]

    @property
    def median_error(self) -> float:
        """The median of the relative errors, without their signs."""
        return statistics.median(abs(network.error) for network in self.networks)

    @property
    def rank_correlation(self) -> float | None:
        """Spearman's rank correlation of prediction and measurement; None for fewer than `LEAST_NETWORKS`."""
        if len(self.networks) < LEAST_NETWORKS:
            return None
        return rank_correlation(
            [network.predicted for network in self.networks], [network.measured for network in self.networks]
        )


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Spearman's rank correlation; 0 if either has only equal values.

    >>> rank_correlation([1.0, 2.0, 3.0], [10.0, 30.0, 20.0])
    0.5
    """
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return round(float(spearmanr(first, second).statistic), 12)

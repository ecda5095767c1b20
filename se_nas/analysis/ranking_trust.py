"""Can a ranking of placements be trusted? Kendall's tau with networks that were trained alone, beside free rankings.

A free ranking needs no training: the number of SE modules, the parameters of SE, and all placements equal. Known
accuracies show whether more SE is better or worse, so a free ranking counts in both directions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from se_nas.analysis.bootstrap import bootstrapped
from se_nas.analysis.rank_correlation import LEAST_PAIRS

Values = NDArray[np.float64]

ALL_EQUAL = "all placements equal"
"""The name of the ranking that knows nothing. Its tau is 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tau:
    """Kendall's tau-b of a ranking with the accuracies of networks trained alone, with its 95 % interval."""

    ranking: str
    tau: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """The tau of a ranking over `count` networks, and those of the free rankings."""

    count: int
    own: Tau
    free: tuple[Tau, ...]

    @property
    def reached_for_free(self) -> float:
        """The largest tau of a free ranking, in either direction."""
        return max(abs(each.tau) for each in self.free)

    @property
    def is_earned(self) -> bool:
        """Whether even the lower end of the interval is above the best free ranking."""
        return self.own.low > self.reached_for_free

    @property
    def verdict(self) -> str:
        """One line for people."""
        interval = f"{self.own.tau:+z.2f} ({self.own.low:+z.2f} to {self.own.high:+z.2f})"
        best = max(self.free, key=lambda each: abs(each.tau))
        compared = (
            f"Kendall's tau {interval} over {self.count} networks trained alone; best free ranking: {best.tau:+z.2f}"
        )
        if self.is_earned:
            return f"{compared} by {best.ranking}. The supernet knows more than that."
        return (
            f"{compared} by {best.ranking}. The interval reaches down to what is free, so the supernet's ranking is "
            "not used."
        )


def trust_in(
    scores: Sequence[float], accuracies: Sequence[float], free: Mapping[str, Sequence[float]], *, ranking: str
) -> Trust | None:
    """Trust in `scores` (n,) from the `accuracies` (n,) of the same networks; None for fewer than `LEAST_PAIRS`.

    `free` are the values of the free rankings by name.
    """
    if len(scores) < LEAST_PAIRS:
        return None
    known = np.array(accuracies, float)
    rankings = {ranking: scores, **free, ALL_EQUAL: [0.0] * len(known)}
    own, *others = (_tau(name, np.array(values, float), known) for name, values in rankings.items())
    return Trust(count=len(known), own=own, free=tuple(others))


def kendall_tau(first: Values, second: Values) -> float:
    """Kendall's tau-b of two lists of values (n,); 0 if all values of a list are equal.

    Kendall, "The Treatment of Ties in Ranking Problems", Biometrika 33, 1945.
    `scipy.stats.kendalltau` takes 5 to 25 times as long for 16 to 100 values, and a bootstrap needs thousands of calls.

    >>> kendall_tau(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])).__round__(3)
    0.333
    """
    orders = [np.sign(values[:, None] - values) for values in (first, second)]
    compared = np.sqrt(np.prod([np.abs(order).sum() for order in orders]))
    return float((orders[0] * orders[1]).sum() / compared) if compared else 0.0


def _tau(ranking: str, values: Values, accuracies: Values) -> Tau:
    """The tau of a ranking. Its interval is a bootstrap over networks."""
    count = len(values)

    def resampled(chosen: NDArray[np.int64]) -> Values:
        return np.array([kendall_tau(values[chosen], accuracies[chosen])])

    found = kendall_tau(values, accuracies)
    low, high = bootstrapped(resampled, count, behind=np.array([count]))
    return Tau(ranking=ranking, tau=found, low=min(found, float(low[0])), high=max(found, float(high[0])))

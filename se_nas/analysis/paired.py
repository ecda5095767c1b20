"""Paired comparisons: the gain of one network over another on the same seeds, and how sure it is."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """A mean difference in accuracy, half the width of its interval, and the number of seeds."""

    mean: float
    half_width: float
    seeds: int

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean) and math.isfinite(self.half_width)) or self.seeds < 2:
            raise ValueError(f"a gain needs finite numbers and two seeds, but got {self}")

    @property
    def is_sure(self) -> bool:
        """Whether zero is outside the interval."""
        return abs(self.mean) > self.half_width


class PairedAccuracies:
    """Accuracies of networks, by name, on the seeds that all of them have. Other seeds are left out.

    An accuracy is modelled as the sum of an effect of the network, an effect of the seed, and noise of one standard
    deviation: a two-way layout without replication (Scheffé, "The Analysis of Variance", 1959, chapter 4). The effect
    that a seed has on all networks cancels out.
    """

    def __init__(self, accuracies: Mapping[str, Mapping[int, float]]) -> None:
        """Take accuracies by name and seed. ValueError if there are fewer than two networks or common seeds."""
        seeds = [set(by_seed) for by_seed in accuracies.values()]
        self.seeds = sorted(set.intersection(*seeds)) if seeds else []
        if len(accuracies) < 2 or len(self.seeds) < 2:
            raise ValueError(
                f"two networks and two common seeds are needed, but got {len(accuracies)} and {len(self.seeds)}"
            )
        self._means = {name: float(np.mean([by_seed[s] for s in self.seeds])) for name, by_seed in accuracies.items()}
        table = np.array([[by_seed[seed] for seed in self.seeds] for by_seed in accuracies.values()])
        noise = table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + table.mean()
        self.freedom = (len(accuracies) - 1) * (len(self.seeds) - 1)
        self.deviation = math.sqrt(float((noise**2).sum()) / self.freedom)

    def gain(self, name: str, over: str, *, among: int = 1) -> Gain:
        """The gain of the network `name` over the network `over`.

        `among` is the number of gains that lie within their intervals together with 95 % (Bonferroni).
        """
        quantile = float(stdtrit(self.freedom, 1 - (1 - CONFIDENCE) / 2 / among))
        return Gain(
            mean=self._means[name] - self._means[over],
            half_width=quantile * self.deviation * math.sqrt(2 / len(self.seeds)),
            seeds=len(self.seeds),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """The additional cost of one network over another, with a 95 % interval, which is a point for a counted cost."""

    amount: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if not (self.low <= self.amount <= self.high and math.isfinite(self.high - self.low)):
            raise ValueError(f"finite low <= amount <= high must hold, but got {self}")

    @classmethod
    def counted(cls, amount: float) -> "Extra":
        """An additional cost that is known exactly."""
        return cls(amount=amount, low=amount, high=amount)

    @classmethod
    def measured(cls, values: Sequence[float], over: Sequence[float]) -> "Extra":
        """The median difference of values that were measured in turn.

        Its interval assumes nothing about the distribution: it uses order statistics (Conover, "Practical Nonparametric
        Statistics", 1999, section 3.2).
        """
        from scipy.stats import quantile_test  # slow to import

        differences = np.subtract(values, over)
        low, high = quantile_test(differences).confidence_interval(CONFIDENCE)
        return cls(amount=float(np.median(differences)), low=float(low), high=float(high))


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """The gain of SE in one place over SE in another, and its additional costs.

    If `over` is empty, the comparison is with the same network without SE in that place.
    """

    where: str
    over: str
    gain: Gain
    added: Mapping[str, Extra]

    @property
    def label(self) -> str:
        """Text for people: `in stage 2`, or `everywhere, not nowhere`."""
        return f"{self.where}, not {self.over}" if self.over else self.where

    def gain_per(self, cost: str, amount: float) -> Gain | None:
        """The gain for `amount` more of a cost; None where SE does not surely add to it.

        The interval contains each combination of a gain and an additional cost within their intervals.
        """
        added, gain = self.added[cost], self.gain
        if added.low <= 0:
            return None
        mean = gain.mean * amount / added.amount
        ends = [
            (gain.mean + sign * gain.half_width) * amount / extra
            for sign in (-1, 1)
            for extra in (added.low, added.high)
        ]
        return Gain(mean=mean, half_width=max(abs(end - mean) for end in ends), seeds=gain.seeds)

"""The gain of SE in one place over SE in another, its additional cost, and how sure both are."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

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


def paired_gain(values: Sequence[float], over: Sequence[float]) -> Gain:
    """The mean difference of results on the same seeds, with Student's interval. ValueError for fewer than two seeds.

    >>> gain = paired_gain([0.42, 0.44, 0.43], [0.40, 0.41, 0.42])
    >>> round(gain.mean, 4), round(gain.half_width, 4)
    (0.02, 0.0248)
    """
    from scipy.special import stdtrit  # slow to import

    differences = np.subtract(values, over)
    seeds = len(differences)
    if seeds < 2:
        raise ValueError(f"a gain needs two seeds, but got {seeds}")
    deviation = float(differences.std(ddof=1)) / math.sqrt(seeds)
    half_width = float(stdtrit(seeds - 1, 0.5 + CONFIDENCE / 2)) * deviation
    return Gain(mean=float(differences.mean()), half_width=half_width, seeds=seeds)


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

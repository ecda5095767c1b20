"""The belief about a front: expected accuracies of its networks, intervals, and probabilities of being on the front.

After a short training on one seed, some networks look better than they are because they were lucky, and a front selects
the lucky networks. Here, the true mean accuracies are drawn from their posterior under partial pooling
(`partial_pooling.py`): the trend is over the logarithms of the costs and over what the search expected of each network.
Costs are taken as exact.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from se_nas.analysis.partial_pooling import Seeds, drawn_means

Values = NDArray[np.float64]

DRAWS, OF_EACH = 400, 10
"""The number of draws of the noise, and of fronts for each of them, behind a verdict."""
CONFIDENCE = 0.95
QUANTILES = (0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2)
"""The ends of an interval."""
DECIDED = 0.05
"""Membership is undecided while its probability is farther than this from 0 and from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A network's costs, all of which are minimised, and its accuracy on each seed (at least one).

    `predicted` is the accuracy that was expected of it before these seeds. It only counts if all networks have one.
    """

    costs: tuple[float, ...]
    accuracies: tuple[float, ...]
    predicted: float | None = None

    def __post_init__(self) -> None:
        numbers = (*self.costs, *self.accuracies, self.predicted or 0.0)
        if not self.costs or not self.accuracies or not all(map(math.isfinite, numbers)):
            raise ValueError(f"costs and accuracies must be finite numbers, at least one each, but got {self}")

    @property
    def mean(self) -> float:
        """The mean accuracy over the seeds."""
        return float(np.mean(self.accuracies))

    def costs_no_more_than(self, other: "Measured") -> bool:
        """Whether every cost is at most that of the other network."""
        return all(mine <= its for mine, its in zip(self.costs, other.costs, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The result of several seeds for a network.

    `mean` is the mean accuracy of its seeds. `expected` is the accuracy that is expected of it, and `low` and `high`
    are the 95 % interval of its true mean (infinite while the standard deviation is unknown). `on_front` is the
    probability that no other network beats it at no more cost.
    """

    mean: float
    expected: float
    low: float
    high: float
    on_front: float

    @property
    def half_width(self) -> float:
        """Half the width of the interval."""
        return (self.high - self.low) / 2

    @property
    def texts(self) -> tuple[str, str, str]:
        """The mean of the seeds, the expected accuracy and its interval, as tables show them."""
        interval = f"{self.low:.4f}-{self.high:.4f}" if math.isfinite(self.half_width) else ""
        return f"{self.mean:.4f}", f"{self.expected:.4f}", interval

    @property
    def is_decided(self) -> bool:
        """Whether the seeds decide about the membership. They do not while the standard deviation is unknown."""
        return math.isfinite(self.half_width) and not DECIDED < self.on_front < 1 - DECIDED

    @property
    def is_surely_on_front(self) -> bool:
        """Whether the seeds decide that the network belongs to the front."""
        return self.is_decided and self.on_front > 0.5

    @property
    def is_surely_off_front(self) -> bool:
        """Whether the seeds decide that the network does not belong to the front."""
        return self.is_decided and self.on_front < 0.5


class Belief:
    """The posterior of the true mean accuracies of `networks`. There must be at least one network."""

    def __init__(
        self, networks: Sequence[Measured], *, seed: int = 0, draws: int = DRAWS, of_each: int = OF_EACH
    ) -> None:
        if not networks:
            raise ValueError("a belief needs at least one network")
        self.networks = tuple(networks)
        seeds = _seeds_of(networks)
        self._means, self.freedom = seeds.means, seeds.freedom
        self.deviation = seeds.deviation if self.freedom else math.inf
        if self.freedom and self.deviation:
            self._draws = drawn_means(seeds, np.random.default_rng(seed), draws=draws, of_each=of_each)
        else:
            self._draws = self._means[None]
        self._expected = np.clip(self._draws.mean(axis=0), 0.0, 1.0)

    def verdicts(self) -> list[Verdict]:
        """The verdict on each network, in order."""
        low, high = np.clip(np.quantile(self._draws, QUANTILES, axis=0), 0.0, 1.0)
        if not self.freedom:
            low, high = low - math.inf, high + math.inf
        return [
            Verdict(mean=mean, expected=expected, low=least, high=most, on_front=probability)
            for mean, expected, least, most, probability in np.column_stack(
                [self._means, self._expected, low, high, self._membership(self._draws).mean(axis=0)]
            ).tolist()
        ]

    def members(self) -> list[int]:
        """The indices of the networks on the front of the expected accuracies."""
        return np.flatnonzero(self._membership(self._expected[None])[0]).tolist()

    def value_of_seeds(self) -> Values:
        """The amount (n,) by which one more seed of each network lowers the sum of p (1 - p) over networks in doubt.

        p is the probability to be on the front, and the seed may also be of a rival. The expectation is linear in the
        accuracy on that seed (O'Hagan, "Kendall's Advanced Theory of Statistics", volume 2B, 1994, section 6.48).
        """
        if not self.freedom or not self.deviation:
            return np.zeros(len(self.networks))
        on_front = self._membership(self._draws).astype(float)
        probability = on_front.mean(axis=0)
        doubtful = (probability > DECIDED) & (probability < 1 - DECIDED)
        inner = np.clip(self._draws, *np.quantile(self._draws, QUANTILES, axis=0))  # while the noise is unknown, the
        off = inner - inner.mean(axis=0)  # tails are so long that they would hide the rest
        covariance = off.T @ (on_front - probability)[:, doubtful] / len(off)
        value: Values = (covariance**2).sum(axis=1) / ((off**2).mean(axis=0) + self.deviation**2)
        return value

    def band(self, costs: Values) -> tuple[Values, Values]:
        """The 95 % interval of the front at values of the first cost (n,): its lowest and highest accuracy (n,).

        NaN where no network is as cheap.
        """
        own = np.array([network.costs[0] for network in self.networks])
        reached = np.full((len(self._draws), len(costs)), math.nan)
        for index, cost in enumerate(costs):
            affordable = own <= cost
            if affordable.any():
                reached[:, index] = self._draws[:, affordable].max(axis=1)
        low, high = np.quantile(reached, QUANTILES, axis=0)
        return low, high

    def _membership(self, means: Values) -> NDArray[np.bool_]:
        """Whether no other network beats a network, for each row of means (k, n). Equal networks are all members."""
        costs = np.array([network.costs for network in self.networks])
        members = np.ones(means.shape, dtype=bool)
        for index, own in enumerate(costs):
            affordable = (costs <= own).all(axis=1)
            cheaper = affordable & (costs < own).any(axis=1)
            for rivals, beats in ((cheaper, np.greater_equal), (affordable & ~cheaper, np.greater)):
                if rivals.any():
                    members[:, index] &= ~beats(means[:, rivals].max(axis=1), means[:, index])
        return members


def _seeds_of(networks: Sequence[Measured]) -> Seeds:
    predicted = [network.predicted for network in networks if network.predicted is not None]
    columns = [np.log(np.maximum([network.costs for network in networks], 1e-12))]
    if len(predicted) == len(networks):
        columns.append(np.array(predicted)[:, None])
    return Seeds(
        counts=np.array([float(len(network.accuracies)) for network in networks]),
        means=np.array([network.mean for network in networks]),
        squares=np.array([float(np.var(network.accuracies)) * len(network.accuracies) for network in networks]),
        predictors=np.hstack(columns),
    )

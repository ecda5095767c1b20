"""How sure is a front? Networks trained on several fresh seeds: mean, interval, probability to be on the front.

After a short training on one seed, some networks look better than they are because they were lucky, and a front selects
the lucky networks. Here, the accuracy of each network has a normal distribution around its own mean, with a standard
deviation that all networks share (pooled). Costs are taken as exact.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from se_nas.searching.records import TrialRecord

Values = NDArray[np.float64]

DRAWS = 4_000
"""The number of fronts that are drawn from the posterior of the means."""
CONFIDENCE = 0.95
DECIDED = 0.05
"""Membership is undecided while its probability is farther than this from 0 and from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A network's costs, all of which are minimised, and its accuracy on each seed (at least one)."""

    costs: tuple[float, ...]
    accuracies: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.costs or not self.accuracies or not all(map(math.isfinite, (*self.costs, *self.accuracies))):
            raise ValueError(f"costs and accuracies must be finite numbers, at least one each, but got {self}")

    @property
    def mean(self) -> float:
        """The mean accuracy over the seeds."""
        return float(np.mean(self.accuracies))

    def costs_no_more_than(self, other: "Measured") -> bool:
        """Whether every cost is at most that of the other network."""
        return all(mine <= its for mine, its in zip(self.costs, other.costs, strict=True))

    def beats(self, other: "Measured") -> bool:
        """Whether this network is no worse in its mean and in every cost, and better in at least one of them."""
        own, theirs = (-self.mean, *self.costs), (-other.mean, *other.costs)
        return own != theirs and all(mine <= its for mine, its in zip(own, theirs, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The result of several seeds for a network.

    `mean` is its mean accuracy and `half_width` half the width of the mean's interval (infinite while the standard
    deviation is unknown). `on_front` is the probability that no other network beats it at no more cost.
    """

    mean: float
    half_width: float
    on_front: float

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
    """The posterior of the mean accuracies of `networks`. There must be at least one network."""

    def __init__(self, networks: Sequence[Measured], *, seed: int = 0) -> None:
        if not networks:
            raise ValueError("a belief needs at least one network")
        self.networks = tuple(networks)
        self._counts = np.array([len(network.accuracies) for network in networks])
        self._means = np.array([network.mean for network in networks])
        residuals = [np.array(network.accuracies) - network.mean for network in networks]
        self.freedom = int((self._counts - 1).sum())
        scatter = sum(float(each @ each) for each in residuals)
        self.deviation = math.sqrt(scatter / self.freedom) if self.freedom else math.inf
        self._draws = self._drawn(np.random.default_rng(seed))

    def _drawn(self, rng: np.random.Generator) -> Values:
        """Means (DRAWS, n) from the posterior under Jeffreys' prior: normal, each draw with its own standard deviation.

        Gelman et al., "Bayesian Data Analysis", 3rd edition, 2013, section 3.2, for several means of one variance.
        """
        if not self.freedom:
            return np.broadcast_to(self._means, (DRAWS, len(self._means)))
        deviations = self.deviation * np.sqrt(self.freedom / rng.chisquare(self.freedom, (DRAWS, 1)))
        noise = rng.standard_normal((DRAWS, len(self._means)))
        drawn: Values = self._means + deviations * noise / np.sqrt(self._counts)
        return drawn

    def verdicts(self) -> list[Verdict]:
        """The verdict on each network, in order."""
        quantile = float(stdtrit(self.freedom, 0.5 + CONFIDENCE / 2)) if self.freedom else math.inf
        on_front = self._membership().mean(axis=0)
        return [
            Verdict(
                mean=float(mean),
                half_width=quantile * self.deviation / math.sqrt(count) if self.freedom else math.inf,
                on_front=float(share),
            )
            for mean, count, share in zip(self._means, self._counts, on_front, strict=True)
        ]

    def band(self, costs: Values) -> tuple[Values, Values]:
        """The 95 % interval of the front at values of the first cost (n,): its lowest and highest accuracy (n,).

        NaN where no network is as cheap.
        """
        own = np.array([network.costs[0] for network in self.networks])
        reached = np.full((DRAWS, len(costs)), math.nan)
        for index, cost in enumerate(costs):
            affordable = own <= cost
            if affordable.any():
                reached[:, index] = self._draws[:, affordable].max(axis=1)
        low, high = np.quantile(reached, [0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2], axis=0)
        return low, high

    def _membership(self) -> NDArray[np.bool_]:
        """Whether no other network beats a network, for each draw (DRAWS, n). Equal networks are all members."""
        costs = np.array([network.costs for network in self.networks])
        members = np.ones(self._draws.shape, dtype=bool)
        for index, own in enumerate(costs):
            affordable = (costs <= own).all(axis=1)
            cheaper = affordable & (costs < own).any(axis=1)
            for rivals, beats in ((cheaper, np.greater_equal), (affordable & ~cheaper, np.greater)):
                if rivals.any():
                    best = self._draws[:, rivals].max(axis=1)
                    members[:, index] &= ~beats(best, self._draws[:, index])
        return members


def near_front(networks: Mapping[int, Measured], front: Sequence[int], *, images: int, most: int) -> list[int]:
    """The numbers of the front's networks, then of the networks that chance may have kept from it, the nearest first.

    There are at most `most` in all, but the front is never cut. A network is near if it lies less than two standard
    deviations below the best network at no more cost. An accuracy p on `images` has the standard deviation
    √(p (1 - p) / images), and a difference has √2 times as much.
    """
    distances: dict[int, float] = {}
    for number, network in networks.items():
        best = max(other.mean for other in networks.values() if other.costs_no_more_than(network))
        deviation = math.sqrt(2 * max(best * (1 - best), 1 / images) / images)
        distances[number] = (best - network.mean) / deviation
    near = sorted((distance, number) for number, distance in distances.items() if number not in front and distance < 2)
    return [*front, *(number for _, number in near)][: max(most, len(front))]


def overlooked(once: Mapping[int, Measured], again: Sequence[Measured]) -> list[int]:
    """The numbers of networks that were trained only `once` and may be on the front after all.

    The accuracy of such a network is above the mean of every network at no more cost that was trained `again`: the
    networks that kept it from the front have fallen below it. The network that is farthest above comes first.
    """
    ahead: dict[int, float] = {}
    for number, network in once.items():
        rivals = (other.mean for other in again if other.costs_no_more_than(network))
        if (lead := network.mean - max(rivals, default=-math.inf)) > 0:
            ahead[number] = lead
    return sorted(ahead, key=lambda number: -ahead[number])


def in_doubt(networks: Sequence[Measured], *, most_seeds: int) -> list[int]:
    """The indices of the networks whose membership in the front is in doubt, the most informative next seed first.

    The order is by p (1 - p) / seeds, where p is the probability to be on the front: a membership near one half and few
    seeds come first. A network that is decided or has `most_seeds` is not in doubt.
    """
    doubts = {
        index: verdict.on_front * (1 - verdict.on_front) / len(network.accuracies)
        for index, (network, verdict) in enumerate(zip(networks, Belief(networks).verdicts(), strict=True))
        if not verdict.is_decided and len(network.accuracies) < most_seeds
    }
    return sorted(doubts, key=lambda index: -doubts[index])


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """A trial's network with its accuracy by seed and the verdict on it."""

    record: TrialRecord
    accuracies: Mapping[int, float]
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedFront:
    """Networks of a search that were trained again for `epochs` on fresh seeds, cheapest first.

    `costs` are the names of their costs. `left_out` are trials that were not trained again and may be on the front too
    (`overlooked`).
    """

    networks: tuple[Confirmed, ...]
    belief: Belief
    costs: tuple[str, ...]
    epochs: int
    left_out: tuple[int, ...] = ()

    @classmethod
    def of(
        cls,
        accuracies: Mapping[int, Mapping[int, float]],
        records: Mapping[int, TrialRecord],
        costs: Sequence[str],
        *,
        epochs: int,
        left_out: Sequence[int] = (),
    ) -> "ConfirmedFront":
        """Make the front from each trial's accuracies by seed (at least one each) and the trials' records by number."""
        costs = tuple(costs)
        numbers = sorted(accuracies, key=lambda number: (*records[number].values(costs), number))
        belief = Belief(
            [
                Measured(costs=records[number].values(costs), accuracies=tuple(accuracies[number].values()))
                for number in numbers
            ]
        )
        return cls(
            networks=tuple(
                Confirmed(record=records[number], accuracies=accuracies[number], verdict=verdict)
                for number, verdict in zip(numbers, belief.verdicts(), strict=True)
            ),
            belief=belief,
            costs=costs,
            epochs=epochs,
            left_out=tuple(left_out),
        )

    @property
    def members(self) -> tuple[Confirmed, ...]:
        """The front of the means."""
        measured = self.belief.networks
        return tuple(
            one
            for one, own in zip(self.networks, measured, strict=True)
            if not any(other.beats(own) for other in measured)
        )

"""How sure is a front? Networks trained on several fresh seeds: mean, interval, probability to be on the front.

Short trainings on one seed flatter whoever was lucky, and a front is made of the lucky. Here every network's accuracy
is taken as normal around a mean of its own, with a deviation that all share (pooled); costs are taken as they are.
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
"""Fronts that are drawn from what is believed of the means."""
CONFIDENCE = 0.95
DECIDED = 0.05
"""Membership is undecided while its probability is farther than this from 0 and from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A network's costs, all to be minimised, and its accuracy on each seed, of which there is at least one."""

    costs: tuple[float, ...]
    accuracies: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.costs or not self.accuracies or not all(map(math.isfinite, (*self.costs, *self.accuracies))):
            raise ValueError(f"costs and accuracies must be finite numbers, at least one each, but got {self}")

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return float(np.mean(self.accuracies))

    def costs_no_more_than(self, other: "Measured") -> bool:
        """Whether every cost is at most the other's."""
        return all(mine <= its for mine, its in zip(self.costs, other.costs, strict=True))

    def beats(self, other: "Measured") -> bool:
        """Whether it is no worse in its mean and every cost, and better in one."""
        own, theirs = (-self.mean, *self.costs), (-other.mean, *other.costs)
        return own != theirs and all(mine <= its for mine, its in zip(own, theirs, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What several seeds say of a network: its mean accuracy, half the width of the mean's interval (infinite while
    nothing tells the deviation), and the probability that no other network beats it at no more cost."""

    mean: float
    half_width: float
    on_front: float

    @property
    def is_decided(self) -> bool:
        """Whether the seeds settle it; while they tell no deviation, they settle nothing."""
        return math.isfinite(self.half_width) and not DECIDED < self.on_front < 1 - DECIDED

    @property
    def is_surely_on_front(self) -> bool:
        """Whether the seeds settle that it belongs there."""
        return self.is_decided and self.on_front > 0.5

    @property
    def is_surely_off_front(self) -> bool:
        """Whether the seeds settle that it does not."""
        return self.is_decided and self.on_front < 0.5


class Belief:
    """What is believed of the means of `networks`, of which there must be one."""

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
        """(DRAWS, n) means, by the posterior under Jeffreys' prior: normal, with a deviation of its own each time.

        Gelman et al., "Bayesian Data Analysis", 3rd edition, 2013, section 3.2, for several means of one variance.
        """
        if not self.freedom:
            return np.broadcast_to(self._means, (DRAWS, len(self._means)))
        deviations = self.deviation * np.sqrt(self.freedom / rng.chisquare(self.freedom, (DRAWS, 1)))
        noise = rng.standard_normal((DRAWS, len(self._means)))
        drawn: Values = self._means + deviations * noise / np.sqrt(self._counts)
        return drawn

    def verdicts(self) -> list[Verdict]:
        """Of each network, in order."""
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
        """Of the front over the first cost (n,): the lowest and highest accuracy (n,) that it reaches there with 95 %;
        NaN where no network is as cheap."""
        own = np.array([network.costs[0] for network in self.networks])
        reached = np.full((DRAWS, len(costs)), math.nan)
        for index, cost in enumerate(costs):
            affordable = own <= cost
            if affordable.any():
                reached[:, index] = self._draws[:, affordable].max(axis=1)
        low, high = np.quantile(reached, [0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2], axis=0)
        return low, high

    def _membership(self) -> NDArray[np.bool_]:
        """(DRAWS, n) whether no other network beats it; of equals in everything each is a member."""
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
    """The front's networks, and those that chance may have kept from it, at most `most` in all, the nearest first.

    A network, by its number, is near if it lies less than two deviations below the best at no more cost, where an
    accuracy p on `images` deviates by √(p (1 - p) / images), and a difference by √2 times as much.
    """
    distances: dict[int, float] = {}
    for number, network in networks.items():
        best = max(other.mean for other in networks.values() if other.costs_no_more_than(network))
        deviation = math.sqrt(2 * max(best * (1 - best), 1 / images) / images)
        distances[number] = (best - network.mean) / deviation
    near = sorted((distance, number) for number, distance in distances.items() if number not in front and distance < 2)
    return [*front, *(number for _, number in near)][: max(most, len(front))]


def overlooked(once: Mapping[int, Measured], again: Sequence[Measured]) -> list[int]:
    """Of the networks that were trained `once`, by number, those whose accuracy is above every mean that was reached
    `again` at no more cost, the farthest above first: what was to keep them from the front has fallen below them."""
    ahead: dict[int, float] = {}
    for number, network in once.items():
        rivals = (other.mean for other in again if other.costs_no_more_than(network))
        if (lead := network.mean - max(rivals, default=-math.inf)) > 0:
            ahead[number] = lead
    return sorted(ahead, key=lambda number: -ahead[number])


def in_doubt(networks: Sequence[Measured], *, most_seeds: int) -> list[int]:
    """The indices of the networks whose next seed would tell most of who is on the front, most telling first.

    It is the membership nearest to a toss of a coin, seen against the seeds that the network has. None is in doubt that
    is decided or has `most_seeds`.
    """
    doubts = {
        index: verdict.on_front * (1 - verdict.on_front) / len(network.accuracies)
        for index, (network, verdict) in enumerate(zip(networks, Belief(networks).verdicts(), strict=True))
        if not verdict.is_decided and len(network.accuracies) < most_seeds
    }
    return sorted(doubts, key=lambda index: -doubts[index])


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """A trial's network with its accuracy by seed, and what that says."""

    record: TrialRecord
    accuracies: Mapping[int, float]
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedFront:
    """Networks of a search trained again for `epochs` on fresh seeds, cheapest first; `costs` names what they cost, and
    `left_out` are trials that were not trained again and may be on the front too (`overlooked`)."""

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
        """From each trial's accuracy by seed, at least one of them, and the trials' records by number."""
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

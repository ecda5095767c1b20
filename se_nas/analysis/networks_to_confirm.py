"""The networks that a confirmation trains: the front, networks near it, overlooked networks, and further seeds."""

import math
from collections.abc import Mapping, Sequence

from se_nas.analysis.front_belief import Belief, Measured

DRAWS_FOR_A_SEED, OF_EACH_FOR_A_SEED = 200, 3
"""The number of draws of the noise, and of fronts for each of them, behind the choice of the next seed."""
WORTH_A_SEED = 0.006
"""The least amount by which a seed must be expected to lower the sum of p (1 - p) over the networks in doubt."""


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


def worth_a_seed(networks: Sequence[Measured], *, most_seeds: int) -> list[int]:
    """The indices of the networks of which one more seed is worth its training, the most informative first.

    A seed is worth more, the more it tells about memberships that are in doubt (`Belief.value_of_seeds`). A network
    that has `most_seeds` gets no more.
    """
    values = Belief(networks, draws=DRAWS_FOR_A_SEED, of_each=OF_EACH_FOR_A_SEED).value_of_seeds()
    worth = [
        index
        for index, network in enumerate(networks)
        if values[index] > WORTH_A_SEED and len(network.accuracies) < most_seeds
    ]
    return sorted(worth, key=lambda index: -values[index])

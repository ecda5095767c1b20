"""The strategies that need shared weights, and whether the scores of a supernet can change a search."""

from collections.abc import Iterable, Mapping
from itertools import islice

from se_nas.searching.propose.front_strategy import BLIND_TRIALS
from se_nas.space.design_space import DesignSpace

SUPERNET, DIFFERENTIABLE = "supernet", "differentiable"
"""The strategies, which are also the names of their files."""


def networks_within(space: DesignSpace, costs: Iterable[Mapping[str, float]], known: int) -> int:
    """The number of networks that keep the bounds of a space, or `BLIND_TRIALS` + 1 if there are more.

    `costs` are those of `known` networks, and all other networks are counted without the bounds.
    """
    within = (each for each in costs if space.cost_violation(each) is None)
    others = max(0, space.size().count - known)
    return min(BLIND_TRIALS + 1, others + sum(1 for _ in islice(within, BLIND_TRIALS + 1)))


def scores_matter(budget: int, networks: int) -> bool:
    """Whether scores can change a search of a space with this number of networks.

    They cannot if it trains all networks before its model proposes the first one.
    """
    return networks > min(budget, BLIND_TRIALS)

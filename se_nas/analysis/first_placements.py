"""The placements of a supernet that a search trains early: those with the best scores at several costs."""

from collections.abc import Sequence
from itertools import cycle

import numpy as np

from se_nas.analysis.supernet_scores import ScoredPlacement, SupernetScores

BUDGETS = (1.0, 0.25, 0.5, 0.1, 0.75)
"""The fractions of the placements, from the cheapest on, that budgets of cost allow, in the order of their turns."""


def first_placements(scores: SupernetScores, costs: Sequence[str], most: int) -> list[ScoredPlacement]:
    """At most `most` placements, each once: the best of those that are left within one budget after the other.

    `costs` are the names of the costs that have budgets in turn. A cost that the scores do not have is skipped. If none
    is left, parameters have budgets.
    """
    known = [name for name in costs if all(name in each.cost for each in scores.placements)] or ["params"]
    found, left = list[ScoredPlacement](), scores.best
    for name, fraction in zip(cycle(known), cycle(BUDGETS), strict=False):
        if len(found) == most or not left:
            break
        limit = np.quantile([each.cost[name] for each in scores.placements], fraction)
        fitting = [each for each in left if each.cost[name] <= limit]
        found += fitting[:1]
        left = [each for each in left if each not in fitting[:1]]
    return found

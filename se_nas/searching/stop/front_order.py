"""An order of all points towards a Pareto front: by non-dominated rank, and within a rank by the ε-net.

Schmucker et al., "Multi-objective Asynchronous Successive Halving", arXiv 2106.12639, section 3; the ε-net is from
Salinas et al., arXiv 2106.05680, section 3. Points are scaled to their range before distances are taken.
"""

import moocore
import numpy as np
from numpy.typing import NDArray


def place(points: NDArray[np.float64], index: int, *, sought: int = 0) -> int | None:
    """The place of `points[index]` in the order, 1 for the first. All objectives of the points (n, m) are minimised.

    None if its rank alone puts the point among the first `sought`: this is faster to compute than the place.

    >>> place(np.array([[0.1, 9.0], [0.2, 8.0], [0.3, 9.0]]), 2)
    3
    """
    beaten = (points[index] <= points).all(axis=1) & (points[index] < points).any(axis=1)
    unbeaten = np.flatnonzero(~beaten)  # no beaten point beats one of these, so their ranks are those among all points
    ranks = moocore.pareto_rank(points[unbeaten])
    own_rank = ranks[unbeaten == index]
    better = int((ranks < own_rank).sum())
    equal = unbeaten[ranks == own_rank]
    if better + len(equal) <= sought:
        return None
    span = np.ptp(points, axis=0)
    scaled = (points[equal] - points.min(axis=0)) / np.where(span > 0, span, 1.0)
    return better + epsilon_net(scaled).index(int(np.flatnonzero(equal == index)[0])) + 1


def epsilon_net(points: NDArray[np.float64]) -> list[int]:
    """An order in which each point is the farthest from all points before it, starting at the first objective's best.

    >>> epsilon_net(np.array([[0.0, 1.0], [0.1, 0.9], [0.5, 0.5], [1.0, 0.0]]))
    [0, 3, 2, 1]
    """
    chosen = [int(np.lexsort(points.T[::-1])[0])]
    distance = np.linalg.norm(points - points[chosen[0]], axis=1)
    while len(chosen) < len(points):
        distance[chosen] = -1.0
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return chosen

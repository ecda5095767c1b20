"""Expected hypervolume improvement if the costs are known and only the accuracy is predicted.

With known costs, the improvement is a sum over slabs of accuracy. A slab lies between two neighbouring accuracies of
the front. It contributes the expected growth within it (Jones et al., "Efficient Global Optimization", 1998, equation
15) times the area of costs that the candidate covers and no member at least as accurate covers. This is an exact form
of the integral in Emmerich et al., "Hypervolume-based expected improvement", 2011.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Values = NDArray[np.float64]


def expected_improvement(
    mean: Values,
    deviation: Values,
    costs: Values,
    *,
    front_accuracy: Values,
    front_costs: Values,
    reference: Values,
) -> Values:
    """The expected growth of the hypervolume (n,) by candidates with predicted accuracy (n,) and known costs (n, k).

    `mean` and `deviation` (n,) describe the predicted accuracy. The front has accuracies (m,) and costs (m, k).
    `reference` is (accuracy, cost, ...), and k is 1 or 2.

    >>> certain = np.array([1e-9])
    >>> expected_improvement(
    ...     np.array([0.6]), certain, np.array([[1.0]]), front_accuracy=np.array([0.5]),
    ...     front_costs=np.array([[2.0]]), reference=np.array([0.0, 4.0]),
    ... ).round(6)
    array([0.8])
    """

    def above(accuracy: float) -> Values:
        gap = (mean - accuracy) / deviation
        growth: Values = deviation * (np.exp(-0.5 * gap * gap) / np.sqrt(2 * np.pi) + gap * ndtr(gap))
        return growth

    if costs.shape[1] == 1:  # with a second cost of 0 and its limit 1, an area is one unit high
        costs, front_costs = (np.column_stack([values, np.zeros(len(values))]) for values in (costs, front_costs))
        reference = np.append(reference, 1.0)
    limit = reference[1:]
    by_accuracy = np.argsort(-front_accuracy, kind="stable")
    floors = np.maximum(np.append(front_accuracy[by_accuracy], reference[0]), reference[0])
    free = np.maximum(limit - costs, 0.0).prod(axis=1)
    higher = above(floors[0])
    total: Values = free * higher
    stairs = np.empty((0, 2))
    for index, floor in zip(by_accuracy, floors[1:], strict=True):
        stairs = _with_step(stairs, front_costs[index])
        lower = above(floor)
        total += (lower - higher) * (free - _covered(stairs, costs, limit))
        higher = lower
    return total


def _with_step(stairs: Values, point: Values) -> Values:
    """The cost pairs (s, 2) of `stairs` and `point` that no other pair undercuts in both costs, by the first cost."""
    if (stairs <= point).all(axis=1).any():
        return stairs
    kept = stairs[~(stairs >= point).all(axis=1)]
    return np.insert(kept, int(np.searchsorted(kept[:, 0], point[0])), point, axis=0)


def _covered(stairs: Values, costs: Values, limit: Values) -> Values:
    """The area (n,) between each of `costs` (n, 2) and the limit that lies behind a step."""
    ends = np.minimum(np.append(stairs[1:, 0], limit[0]), limit[0])
    widths = np.maximum(ends - np.maximum(stairs[:, 0], costs[:, :1]), 0.0)
    heights = np.maximum(limit[1] - np.maximum(stairs[:, 1], costs[:, 1:]), 0.0)
    covered: Values = (widths * heights).sum(axis=1)
    return covered

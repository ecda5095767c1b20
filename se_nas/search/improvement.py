"""Expected hypervolume improvement where the costs are known and only the accuracy is a guess.

With known costs the improvement is a sum over the cells that the front's costs cut the space behind the candidate
into: each is an expected improvement in accuracy (Jones et al., "Efficient Global Optimization", 1998, equation 15)
times the cell's size, an exact form of the integral in Emmerich et al., "Hypervolume-based expected improvement", 2011.
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
    """(n,) expected growth of the hypervolume by candidates of predicted accuracy (n,) and known costs (n, k).

    The front has accuracy (m,) and costs (m, k); `reference` is (accuracy, cost, ...), and k is 1 or 2.

    >>> certain = np.array([1e-9])
    >>> expected_improvement(
    ...     np.array([0.6]), certain, np.array([[1.0]]), front_accuracy=np.array([0.5]),
    ...     front_costs=np.array([[2.0]]), reference=np.array([0.0, 4.0]),
    ... ).round(6)
    array([0.8])
    """
    edges = [np.unique(np.append(column[column < limit], limit)) for column, limit in _columns(front_costs, reference)]
    edges = [np.concatenate([[-np.inf], edge]) for edge in edges]
    corners = np.stack(np.meshgrid(*[edge[:-1] for edge in edges], indexing="ij"), axis=-1).reshape(-1, costs.shape[1])
    ends = np.stack(np.meshgrid(*[edge[1:] for edge in edges], indexing="ij"), axis=-1).reshape(-1, costs.shape[1])
    as_cheap = (front_costs[None, :, :] <= corners[:, None, :]).all(axis=2)
    level = np.where(as_cheap, front_accuracy, -np.inf).max(axis=1, initial=reference[0])
    total = np.zeros(len(mean))
    for corner, end, accuracy in zip(corners, ends, level, strict=True):
        size = np.maximum(end - np.maximum(corner, costs), 0.0).prod(axis=1)
        gap = (mean - accuracy) / deviation
        density = np.exp(-0.5 * gap * gap) / np.sqrt(2 * np.pi)
        total += size * deviation * (density + gap * ndtr(gap))
    return total


def _columns(front_costs: Values, reference: Values) -> list[tuple[Values, float]]:
    return [(front_costs[:, index], float(reference[1 + index])) for index in range(front_costs.shape[1])]

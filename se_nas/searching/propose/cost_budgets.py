"""Cost budgets: what a user may allow a network to cost, and how much of the search's interest each budget gets.

Half of the interest is spread evenly over the logarithm of the cost, and half over the networks of the space: where
more networks are, more budgets end. A hypervolume over these positions is the accuracy within a budget, averaged over
all budgets. Over the logarithm alone, most of it lies at the cheap end, where few networks are.
"""

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

BY_NETWORKS = 0.5
"""The fraction of the interest that is spread over the networks."""


def budget_positions(log_costs: Values, drawn: Values) -> Values:
    """(n, k) positions from 0 to 1 of costs with these logarithms, at least 0 and 1 for the least and the greatest.

    `drawn` (m, k) are the logarithms of networks drawn from the space.

    >>> costs = np.array([[0.0], [1.0], [4.0]])
    >>> budget_positions(costs, drawn=np.array([[0.0], [2.0], [3.0], [4.0]])).round(3)[:, 0].tolist()
    [0.0, 0.208, 1.0]
    """
    columns = []
    for own, of_drawn in zip(log_costs.T, drawn.T, strict=True):
        least, span = own.min(), max(float(np.ptp(own)), 1e-9)
        by_networks = np.interp(own, np.sort(of_drawn), np.linspace(0.0, 1.0, len(of_drawn)))
        columns.append(BY_NETWORKS * by_networks + (1 - BY_NETWORKS) * (own - least) / span)
    return np.column_stack(columns)

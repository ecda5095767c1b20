"""Cost budgets: the largest costs that users may allow, and the weight of each budget in a search.

Half of the weight is spread evenly over the logarithm of the cost. The other half is spread over the networks of the
space, so that a range of costs has more weight if more networks lie in it. A hypervolume over these positions is the
accuracy within a budget, averaged over all budgets. With the logarithm alone, most of the weight would lie at the cheap
end, where few networks are.
"""

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

BY_NETWORKS = 0.5
"""The fraction of the weight that is spread over the networks."""


def budget_positions(log_costs: Values, drawn: Values) -> Values:
    """The positions (n, k) of costs with these logarithms: the weight of all smaller budgets, from 0 to 1.

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

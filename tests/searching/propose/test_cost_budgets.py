import numpy as np
import pytest

from se_nas.searching.propose.cost_budgets import budget_positions


def test_positions_rise_with_the_cost_from_0_to_1() -> None:
    drawn = np.random.default_rng(0).normal(10.0, 1.0, (200, 1))
    costs = np.linspace(drawn.min(), drawn.max(), 50)[:, None]

    positions = budget_positions(costs, drawn)[:, 0]

    assert (positions[0], positions[-1]) == (0.0, 1.0)
    assert (np.diff(positions) > 0).all()


def test_where_more_networks_are_more_budgets_end() -> None:
    drawn = np.array([[0.0], *[[9.0 + place / 100] for place in range(98)], [10.0]])
    cheap, dear = np.diff(budget_positions(np.array([[0.0], [1.0], [9.0], [10.0]]), drawn)[:, 0])[[0, 2]]

    assert dear > 4 * cheap


@pytest.mark.parametrize("costs", [np.full((3, 2), 7.0), np.array([[1.0, 5.0], [2.0, 5.0]])])
def test_equal_costs_are_no_trouble(costs: np.ndarray) -> None:
    positions = budget_positions(costs, costs)

    assert positions.shape == costs.shape
    assert np.isfinite(positions).all()

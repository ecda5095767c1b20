import math

import numpy as np
import pytest
from numpy.typing import NDArray

from se_nas.searching.stop.front_order import epsilon_net, place


@pytest.mark.parametrize(
    ("rivals", "newcomer", "expected"),
    [
        ([], (0.1, 900), 1),
        # It is dominated by the only rival.
        ([(0.9, 100)], (0.5, 200), 2),
        # It is more accurate than the only rival, so it is on the front, and the net starts at the best accuracy.
        ([(0.9, 100)], (0.95, 900), 1),
        # The ranks are 0 for (0.9, 100) and (0.8, 50), 1 for the new point (dominated by (0.8, 50)), 2 for (0.5, 200).
        ([(0.9, 100), (0.8, 50), (0.5, 200)], (0.6, 60), 3),
        # All are on the front. The net takes the most accurate point, then the farthest, which is the cheapest.
        ([(0.9, 1000), (0.8, 300), (0.7, 100)], (0.1, 10), 2),
        # The cheapest point is the farthest from (0.9, 1000). The new point in the middle is the last of its rank.
        ([(0.9, 1000), (0.5, 10), (0.4, 2000)], (0.7, 100), 3),
    ],
)
def test_the_place_is_by_front_rank_and_then_by_the_epsilon_net(
    rivals: list[tuple[float, float]], newcomer: tuple[float, float], expected: int
) -> None:
    points = np.array([(-accuracy, math.log(flops)) for accuracy, flops in [newcomer, *rivals]])

    assert place(points, 0) == expected


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("seed", range(15))
def test_the_order_equals_that_of_a_brute_force_comparison(dimensions: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.random((int(rng.integers(2, 15)), dimensions))

    places = [place(points, index) for index in range(len(points))]

    assert [int(index) for index in np.argsort(places)] == _order_by_brute_force(points)


def test_a_third_objective_can_put_a_point_on_the_front() -> None:
    points = np.array([[-0.7, 60.0, 100.0], [-0.9, 50.0, 500.0], [-0.8, 55.0, 550.0]])

    assert place(points[:, :2], 0) == 3
    assert place(points, 0) == 2


def _order_by_brute_force(points: NDArray[np.float64]) -> list[int]:
    """The order, front after front. Each front starts at its best accuracy and goes on with the farthest point."""
    scaled = (points - points.min(axis=0)) / np.ptp(points, axis=0)
    left, order = set(range(len(points))), []
    while left:
        front = {i for i in left if not any((points[j] < points[i]).all() for j in left)}
        left -= front
        chosen = [min(front, key=lambda i: points[i][0])]
        while rest := front - set(chosen):
            chosen.append(max(rest, key=lambda i: min(math.dist(scaled[i], scaled[j]) for j in chosen)))
        order += chosen
    return order


class TestEpsilonNet:
    @pytest.mark.parametrize("dimensions", [1, 2, 3])
    @pytest.mark.parametrize("seed", range(10))
    def test_each_point_is_the_farthest_from_all_points_before_it(self, dimensions: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        points = rng.random((int(rng.integers(1, 20)), dimensions))

        order = epsilon_net(points)

        assert sorted(order) == list(range(len(points)))
        assert points[order[0], 0] == points[:, 0].min()
        for count in range(1, len(order)):
            gaps = [min(math.dist(points[late], points[early]) for early in order[:count]) for late in order[count:]]
            assert gaps[0] == pytest.approx(max(gaps))

    def test_among_points_equal_in_the_first_objective_the_best_of_the_second_comes_first(self) -> None:
        assert epsilon_net(np.array([[0.0, 0.9], [0.0, 0.1], [1.0, 0.0]]))[0] == 1

    def test_each_of_several_equal_points_is_taken_once(self) -> None:
        assert sorted(epsilon_net(np.zeros((5, 2)))) == [0, 1, 2, 3, 4]

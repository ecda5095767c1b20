import math

import numpy as np
import pytest
from numpy.typing import NDArray

from se_nas.searching.stop.front_order import epsilon_net, place


@pytest.mark.parametrize(
    ("rivals", "newcomer", "expected"),
    [
        ([], (0.1, 900), 1),
        # Dominated by the only rival.
        ([(0.9, 100)], (0.5, 200), 2),
        # More accurate than the only rival: on the front, and the net starts at the best accuracy.
        ([(0.9, 100)], (0.95, 900), 1),
        # Ranks: (.9, 100) and (.8, 50) 0, newcomer 1 (under .8, 50), (.5, 200) 2.
        ([(0.9, 100), (0.8, 50), (0.5, 200)], (0.6, 60), 3),
        # All on the front. The net takes the most accurate, then the farthest: the cheapest.
        ([(0.9, 1000), (0.8, 300), (0.7, 100)], (0.1, 10), 2),
        # From (.9, 1000) the cheapest is the farthest, the newcomer in the middle the last of its rank.
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
def test_against_an_order_found_by_comparing_all_with_all(dimensions: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.random((int(rng.integers(2, 15)), dimensions))

    places = [place(points, index) for index in range(len(points))]

    assert [int(index) for index in np.argsort(places)] == _order_by_brute_force(points)


def test_a_third_objective_can_put_a_point_on_the_front() -> None:
    points = np.array([[-0.7, 60.0, 100.0], [-0.9, 50.0, 500.0], [-0.8, 55.0, 550.0]])

    assert place(points[:, :2], 0) == 3
    assert place(points, 0) == 2


def _order_by_brute_force(points: NDArray[np.float64]) -> list[int]:
    """Front after front, each front from its best accuracy on to the farthest of what is left."""
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
    def test_each_next_point_is_as_far_as_any_from_all_before_it(self, dimensions: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        points = rng.random((int(rng.integers(1, 20)), dimensions))

        order = epsilon_net(points)

        assert sorted(order) == list(range(len(points)))
        assert points[order[0], 0] == points[:, 0].min()
        for count in range(1, len(order)):
            gaps = [min(math.dist(points[late], points[early]) for early in order[:count]) for late in order[count:]]
            assert gaps[0] == pytest.approx(max(gaps))

    def test_of_points_equal_in_the_first_objective_it_starts_at_the_best_of_the_second(self) -> None:
        assert epsilon_net(np.array([[0.0, 0.9], [0.0, 0.1], [1.0, 0.0]]))[0] == 1

    def test_equal_points_are_each_taken_once(self) -> None:
        assert sorted(epsilon_net(np.zeros((5, 2)))) == [0, 1, 2, 3, 4]

import moocore
import numpy as np
import pytest
from numpy.typing import NDArray

from se_nas.searching.propose.improvement import expected_improvement

Values = NDArray[np.float64]


def sampled_improvement(
    mean: float, deviation: float, costs: Values, front_accuracy: Values, front_costs: Values, reference: Values
) -> float:
    """The mean growth of moocore's hypervolume over 4,000 drawn accuracies."""
    ref = np.array([-reference[0], *reference[1:]])
    front = np.column_stack([-front_accuracy, front_costs])
    before = moocore.hypervolume(front, ref=ref)
    drawn = np.random.default_rng(0).normal(mean, deviation, 4000)
    after = [moocore.hypervolume(np.vstack([front, [-accuracy, *costs]]), ref=ref) for accuracy in drawn]
    return float(np.mean(after) - before)


def a_front(rng: np.random.Generator, costs: int) -> tuple[Values, Values]:
    return rng.uniform(0.2, 0.9, 6), rng.uniform(0, 1, (6, costs))


@pytest.mark.parametrize("costs", [1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_the_expected_improvement_is_the_mean_growth_of_the_hypervolume(costs: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    front_accuracy, front_costs = a_front(rng, costs)
    candidates, mean, deviation = rng.uniform(0, 1, (5, costs)), rng.uniform(0.3, 0.9, 5), rng.uniform(0.05, 0.3, 5)
    reference = np.array([0.1, *[1.1] * costs])

    expected = expected_improvement(
        mean, deviation, candidates, front_accuracy=front_accuracy, front_costs=front_costs, reference=reference
    )

    sampled = [
        sampled_improvement(mean[index], deviation[index], candidates[index], front_accuracy, front_costs, reference)
        for index in range(5)
    ]
    assert expected == pytest.approx(sampled, rel=0.1, abs=0.004)


class TestOneCandidate:
    def improvement(self, mean: float, deviation: float, cost: float) -> float:
        values = expected_improvement(
            np.array([mean]),
            np.array([deviation]),
            np.array([[cost]]),
            front_accuracy=np.array([0.5, 0.8]),
            front_costs=np.array([[1.0], [3.0]]),
            reference=np.array([0.0, 4.0]),
        )
        return float(values[0])

    def test_a_surely_dominated_candidate_adds_nothing(self) -> None:
        assert self.improvement(0.4, 1e-9, 2.0) == pytest.approx(0.0, abs=1e-12)

    def test_a_candidate_beyond_the_reference_cost_adds_nothing(self) -> None:
        assert self.improvement(0.99, 0.1, 4.5) == 0.0

    def test_a_sure_candidate_between_two_members_adds_the_rectangle_above_the_cheaper_member(self) -> None:
        assert self.improvement(0.7, 1e-9, 2.0) == pytest.approx((0.7 - 0.5) * (3.0 - 2.0))

    def test_a_higher_mean_and_a_larger_deviation_increase_the_improvement(self) -> None:
        assert self.improvement(0.6, 0.1, 2.0) < self.improvement(0.7, 0.1, 2.0)
        assert self.improvement(0.4, 0.1, 2.0) < self.improvement(0.4, 0.2, 2.0)

    def test_a_lower_cost_increases_the_improvement(self) -> None:
        assert self.improvement(0.7, 0.1, 2.5) < self.improvement(0.7, 0.1, 1.5)


@pytest.mark.parametrize("costs", [1, 2])
def test_with_an_empty_front_the_improvement_is_the_box_down_to_the_reference(costs: int) -> None:
    values = expected_improvement(
        np.array([0.6]),
        np.array([1e-9]),
        np.ones((1, costs)),
        front_accuracy=np.empty(0),
        front_costs=np.empty((0, costs)),
        reference=np.array([0.1, *[3.0] * costs]),
    )

    assert values == pytest.approx((0.6 - 0.1) * (3.0 - 1.0) ** costs)


@pytest.mark.parametrize("seed", range(4))
def test_dominated_members_change_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    front_accuracy, front_costs = a_front(rng, 2)
    candidates, mean, deviation = rng.uniform(0, 1, (20, 2)), rng.uniform(0.3, 0.9, 20), rng.uniform(0.05, 0.3, 20)
    reference = np.array([0.1, 1.1, 1.1])

    without, beside = (
        expected_improvement(
            mean, deviation, candidates, front_accuracy=accuracy, front_costs=costs, reference=reference
        )
        for accuracy, costs in (
            (front_accuracy, front_costs),
            (np.append(front_accuracy, front_accuracy - 0.05), np.vstack([front_costs, front_costs + 0.05])),
        )
    )

    assert beside == pytest.approx(without)

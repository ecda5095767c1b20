from dataclasses import replace
from itertools import combinations
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from se_nas.searching.expectation import Expectation
from se_nas.searching.objectives import Objectives
from se_nas.searching.pareto import ParetoFront
from se_nas.searching.progress import progress_of
from se_nas.searching.records import TrialRecord, TrialStatus
from tests.fakes import NOT_COMPLETE, THREE_OBJECTIVES, TWO_OBJECTIVES, record

objectives_of_a_search = st.sampled_from([TWO_OBJECTIVES, THREE_OBJECTIVES])


@st.composite
def records_on_a_grid(draw: st.DrawFn, most: int = 12) -> list[TrialRecord]:
    """Complete trials with few distinct values, so that ties and equal trials are common."""
    values = draw(st.lists(st.tuples(*[st.integers(1, 4)] * 3), max_size=most))
    return [
        record(number, accuracy=accuracy / 4, flops=flops, params=params)
        for number, (accuracy, flops, params) in enumerate(values)
    ]


def front_of(*points: tuple[float, ...], objectives: Objectives = TWO_OBJECTIVES) -> ParetoFront:
    """The front of trials given as (accuracy, flops[, params])."""
    records = [
        record(number, accuracy=accuracy, **dict(zip(objectives.costs, costs, strict=True)))
        for number, (accuracy, *costs) in enumerate(points)
    ]
    return ParetoFront.of(records, objectives)


def losses(one: TrialRecord, objectives: Objectives) -> tuple[float, ...]:
    accuracy, *costs = one.values(objectives.names)
    return (-accuracy, *costs)


def stands_aside(one: TrialRecord, other: TrialRecord, objectives: Objectives) -> bool:
    """Whether `other` dominates `one`, or is equal to it and came first."""
    mine, theirs = losses(one, objectives), losses(other, objectives)
    at_least_as_good = all(his <= my for his, my in zip(theirs, mine, strict=True))
    return at_least_as_good and (theirs != mine or other.number < one.number)


class TestMembers:
    @given(records_on_a_grid(), objectives_of_a_search)
    def test_the_front_has_the_trials_that_no_other_dominates_and_the_first_of_equals(
        self, records: list[TrialRecord], objectives: Objectives
    ) -> None:
        front = ParetoFront.of(records, objectives)

        oracle = {one.number for one in records if not any(stands_aside(one, o, objectives) for o in records)}
        assert {member.number for member in front.members} == oracle

    @given(records_on_a_grid(), st.randoms(), objectives_of_a_search)
    def test_the_order_of_the_records_does_not_matter(
        self, records: list[TrialRecord], random: object, objectives: Objectives
    ) -> None:
        shuffled = records.copy()
        random.shuffle(shuffled)

        assert ParetoFront.of(shuffled, objectives) == ParetoFront.of(records, objectives)

    @given(records_on_a_grid(), objectives_of_a_search)
    def test_members_come_cheapest_first(self, records: list[TrialRecord], objectives: Objectives) -> None:
        flops = [member.cost["flops"] for member in ParetoFront.of(records, objectives).members]

        assert flops == sorted(flops)

    @pytest.mark.parametrize("status", NOT_COMPLETE)
    def test_a_trial_that_is_not_complete_never_enters_the_front(self, status: TrialStatus) -> None:
        unfinished = record(0, accuracy=1.0, status=status, flops=1)
        complete = record(1, accuracy=0.1, flops=100)

        assert ParetoFront.of([unfinished, complete], TWO_OBJECTIVES).members == (complete,)

    def test_without_records_the_front_is_empty(self) -> None:
        assert len(ParetoFront.of([], TWO_OBJECTIVES)) == 0


class TestHypervolume:
    def test_the_hypervolume_of_two_objectives_equals_a_calculation_by_hand(self) -> None:
        front = front_of((0.5, 2), (0.8, 5))

        # From 2 to 5 flops at accuracy 0.5, then from 5 to 10 flops at 0.8: 3 × 0.5 + 5 × 0.8.
        assert front.hypervolume((0.0, 10.0)) == pytest.approx(5.5)

    def test_the_hypervolume_of_three_objectives_equals_a_calculation_by_hand(self) -> None:
        front = front_of((0.5, 1, 3), (1.0, 2, 1), objectives=THREE_OBJECTIVES)

        # The reference is (0, 4, 4). The boxes 0.5 × 3 × 1 and 1 × 2 × 3 share 0.5 × 2 × 1.
        assert front.hypervolume((0.0, 4.0, 4.0)) == pytest.approx(1.5 + 6 - 1)

    def test_a_member_beyond_the_reference_adds_no_hypervolume(self) -> None:
        front = front_of((0.3, 1), (0.8, 5), (0.9, 50))

        assert front.hypervolume((0.5, 10.0)) == pytest.approx(0.3 * 5)

    def test_the_hypervolume_of_an_empty_front_is_zero(self) -> None:
        assert front_of().hypervolume((0.0, 10.0)) == 0.0

    @given(records_on_a_grid(most=6), objectives_of_a_search)
    def test_the_hypervolume_is_the_volume_of_the_union_of_the_boxes_of_the_members(
        self, records: list[TrialRecord], objectives: Objectives
    ) -> None:
        reference = (0.25, *[3.5] * len(objectives.costs))
        boxes = [
            [max(0.0, ref - loss) for loss, ref in zip(losses(one, objectives), (-0.25, *reference[1:]), strict=True)]
            for one in records
        ]

        volume = ParetoFront.of(records, objectives).hypervolume(reference)

        inclusion_exclusion = sum(
            (-1) ** (size + 1) * prod(min(sides) for sides in zip(*some, strict=True))
            for size in range(1, len(boxes) + 1)
            for some in combinations(boxes, size)
        )
        assert volume == pytest.approx(inclusion_exclusion)


class TestPicks:
    def test_best_has_the_highest_accuracy_and_cheapest_the_least_flops(self) -> None:
        front = front_of((0.9, 50), (0.5, 2), (0.8, 5))

        assert (front.best.number, front.cheapest.number) == (0, 1)

    def test_the_knee_is_the_member_farthest_from_the_line_through_the_extremes(self) -> None:
        front = front_of((0.5, 1), (0.6, 4), (0.9, 10), (0.95, 60), (1.0, 100))

        assert front.knee.number == 2

    def test_the_knee_is_found_on_a_logarithmic_cost_scale(self) -> None:
        # On a linear scale (half of the way), 0.6 lies above the line. On a log scale (0.85 of the way), it lies below.
        front = front_of((0.0, 1), (0.6, 50), (1.0, 100))

        assert front.knee.number == 2

    def test_the_knee_of_three_objectives(self) -> None:
        front = front_of(
            (1.0, 100, 100), (0.9, 5, 5), (0.5, 1, 100), (0.5, 100, 1), (0.4, 1, 1), objectives=THREE_OBJECTIVES
        )

        # The sums of the scaled losses are 2, 0.87, 1.83, 1.83, 1.
        assert front.knee.number == 1

    @pytest.mark.parametrize("factor", [0.001, 1000])
    def test_the_knee_does_not_depend_on_the_unit_of_a_cost(self, factor: float) -> None:
        points = [(0.5, 1), (0.6, 4), (0.9, 10), (0.95, 60), (1.0, 100)]
        scaled = front_of(*((accuracy, flops * factor) for accuracy, flops in points))

        assert scaled.knee.number == front_of(*points).knee.number

    def test_the_knee_of_two_members_is_the_more_accurate_one(self) -> None:
        assert front_of((0.5, 1), (0.51, 1000)).knee.number == 1

    def test_the_knee_of_a_straight_front_is_the_most_accurate_member(self) -> None:
        assert front_of((0.0, 1), (0.5, 10), (1.0, 100)).knee.number == 2

    def test_a_single_member_is_best_cheapest_and_knee(self) -> None:
        front = front_of((0.5, 1))

        assert front.best == front.cheapest == front.knee == front.members[0]


def expected_front(*points: tuple[float, float, float]) -> ParetoFront:
    """The front of trials that are given as (observed accuracy, expected accuracy, flops)."""
    records = [record(number, accuracy=observed, flops=flops) for number, (observed, _, flops) in enumerate(points)]
    expected = {number: Expectation(mean, 0.01) for number, (_, mean, _) in enumerate(points)}
    return ParetoFront.of(records, TWO_OBJECTIVES, expected)


class TestExpectedAccuracies:
    def test_a_lucky_network_gives_its_place_to_the_one_that_is_expected_to_be_better(self) -> None:
        front = expected_front((0.95, 0.80, 200), (0.90, 0.88, 200), (0.70, 0.72, 100))

        assert [member.number for member in front.members] == [2, 1]
        assert front.best.number == 1

    def test_a_trial_of_which_nothing_is_expected_counts_with_what_was_observed(self) -> None:
        front = expected_front((0.95, 0.80, 200)).joined_by(record(1, accuracy=0.85, flops=200))

        assert [member.number for member in front.members] == [1]
        assert front.accuracy(front.best) == 0.85

    def test_the_hypervolume_of_a_search_stays_that_of_what_was_observed(self) -> None:
        records = [record(0, accuracy=0.9, flops=100), record(1, accuracy=0.7, flops=50)]
        observed, expected = (
            progress_of(records, TWO_OBJECTIVES, (0.0, 200.0), 2, about) for about in (None, {0: Expectation(0.6, 0.1)})
        )

        assert expected.hypervolume == observed.hypervolume
        assert [member.number for member in expected.front.members] == [1]


class TestEqualCost:
    def test_members_of_practically_equal_cost_name_the_best_of_them(self) -> None:
        front = front_of((0.5, 1000), (0.6, 1005), (0.7, 1010), (0.8, 1011), (0.9, 2000))

        assert {number: one.number for number, one in front.best_of_equal_cost().items()} == {
            0: 2,
            1: 2,
            2: 2,
            3: 3,
            4: 4,
        }

    @pytest.mark.parametrize(("equal_cost", "best"), [(0.0, [0, 1, 2]), (0.05, [1, 1, 2]), (0.2, [2, 2, 2])])
    def test_the_user_says_which_costs_are_equal(self, equal_cost: float, best: list[int]) -> None:
        objectives = replace(TWO_OBJECTIVES, equal_cost=equal_cost)
        front = front_of((0.5, 1000), (0.6, 1050), (0.7, 1100), objectives=objectives)

        assert [front.best_of_equal_cost()[number].number for number in range(3)] == best

    def test_the_knee_is_the_best_of_its_group(self) -> None:
        front = front_of((0.1, 100), (0.90, 1000), (0.91, 1009), (0.92, 9000))

        assert front.knee.number == 2

    def test_all_costs_must_be_equal(self) -> None:
        front = front_of((0.5, 1000, 10), (0.6, 1001, 20), objectives=THREE_OBJECTIVES)

        assert all(one.number == number for number, one in front.best_of_equal_cost().items())

    @given(records_on_a_grid(), objectives_of_a_search)
    def test_every_member_has_one_and_none_is_worse(self, records: list[TrialRecord], objectives: Objectives) -> None:
        front = ParetoFront.of(records, objectives)
        best = front.best_of_equal_cost()

        assert best.keys() == {member.number for member in front.members}
        assert all(front.accuracy(best[member.number]) >= front.accuracy(member) for member in front.members)

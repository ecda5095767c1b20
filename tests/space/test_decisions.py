from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from se_nas.space.decisions import Categorical, FloatRange, IntRange, settle

reproducibly = settings(derandomize=True, deadline=None)


def distinct(choices):
    """Keys that differ for True, 1 and 1.0."""
    return [(type(choice), choice) for choice in choices]


def int_ranges():
    return st.builds(
        lambda low, step, count: IntRange(low, low + step * count, step),
        st.integers(-100, 100),
        st.integers(1, 16),
        st.integers(0, 20),
    )


categoricals = st.lists(
    st.booleans() | st.integers(0, 9) | st.sampled_from(["a", "b", "1"]),
    min_size=1,
    unique_by=lambda choice: (type(choice), choice),
).map(lambda choices: Categorical(tuple(choices)))

float_ranges = (
    st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
    .filter(lambda ends: ends[0] < ends[1])
    .map(lambda ends: FloatRange(*ends))
)

decisions = categoricals | int_ranges() | float_ranges


@reproducibly
@given(decisions, st.integers())
def test_a_decision_contains_what_it_samples(decision, seed):
    assert decision.contains(decision.sample(Random(seed)))


@reproducibly
@given(decisions, st.integers())
def test_equal_seeds_sample_equal_values(decision, seed):
    assert decision.sample(Random(seed)) == decision.sample(Random(seed))


@reproducibly
@given(decisions, st.integers())
def test_neighbours_are_other_values_of_the_decision(decision, seed):
    value = decision.sample(Random(seed))

    near = list(decision.neighbours(value))

    assert all(decision.contains(other) for other in near)
    assert distinct([value])[0] not in distinct(near)


@reproducibly
@given(categoricals)
def test_every_other_choice_is_a_neighbour(decision):
    value, *others = decision.choices

    assert distinct(decision.neighbours(value)) == distinct(others)


@reproducibly
@given(int_ranges())
def test_adjacent_whole_numbers_are_neighbours(decision):
    values = list(decision.values())

    for low, high in pairwise(values):
        assert high in decision.neighbours(low)
        assert low in decision.neighbours(high)
    assert all(len(list(decision.neighbours(value))) <= 2 for value in values)


@reproducibly
@given(categoricals | int_ranges())
def test_a_listed_decision_samples_all_its_values(decision):
    rng = Random(0)

    seen = distinct(decision.sample(rng) for _ in range(1000))

    assert set(seen) == set(distinct(decision.values()))


@pytest.mark.parametrize(
    ("decision", "value"),
    [
        (Categorical((1, 2)), True),
        (Categorical((False, True)), 0),
        (Categorical((4,)), 4.0),
        (Categorical(("1",)), 1),
        (IntRange(0, 4), True),
        (IntRange(0, 4), 2.0),
        (IntRange(0, 4), "2"),
        (IntRange(0, 4, 2), 3),
        (IntRange(0, 4), 5),
        (FloatRange(0.0, 1.0), True),
        (FloatRange(0.0, 1.0), "0.5"),
        (FloatRange(0.0, 1.0), 1.5),
        (FloatRange(0.0, 1.0), float("nan")),
    ],
)
def test_a_value_of_another_type_or_off_the_grid_is_not_contained(decision, value):
    assert not decision.contains(value)


def test_a_real_range_contains_its_ends_and_cannot_be_listed():
    decision = FloatRange(8.0, 64.0)

    assert decision.contains(8.0)
    assert decision.contains(64)
    assert decision.values() is None


@pytest.mark.parametrize(
    ("make", "values"),
    [
        (lambda: Categorical(()), "empty"),
        (lambda: Categorical((1, 2, 1)), r"\[1, 2, 1\]"),
        (lambda: IntRange(3, 1), "from=3, to=1, step=1"),
        (lambda: IntRange(1, 4, 2), "from=1, to=4, step=2"),
        (lambda: IntRange(1, 4, 0), "from=1, to=4, step=0"),
        (lambda: FloatRange(2.0, 2.0), "from=2.0, to=2.0"),
        (lambda: FloatRange(0.0, float("nan")), "from=0.0, to=nan"),
    ],
)
def test_the_error_for_an_impossible_decision_shows_its_values(make, values):
    with pytest.raises(ValueError, match=values):
        make()


def test_a_setting_has_its_fixed_value_or_the_decided_value():
    assert settle(16, "width", {"width": 24}) == 16
    assert settle(IntRange(8, 32), "width", {"width": 24}) == 24

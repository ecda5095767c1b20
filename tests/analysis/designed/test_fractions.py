"""Designs, checked by their own points: an effect is aliased if its column equals another effect's column."""

from itertools import combinations

import numpy as np
import pytest

from se_nas.analysis.designed.fractions import FULL, MOST_FACTORS, design_for

SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 17, 24, 32]


def shortest_word(points: list[tuple[bool, ...]], *, longest: int) -> int | None:
    """The length of the shortest product of factors that is constant over the points, up to `longest`: the resolution
    by its definition (Box and Hunter, 1961)."""
    signs = np.where(points, 1, -1)
    for length in range(1, min(longest, signs.shape[1]) + 1):
        for word in combinations(range(signs.shape[1]), length):
            if len(set(signs[:, word].prod(axis=1).tolist())) == 1:
                return length
    return None


@pytest.mark.parametrize("factors", SIZES)
def test_the_shortest_word_of_the_defining_relation_has_the_length_of_the_resolution(factors: int) -> None:
    design = design_for(factors)

    longest = 8 if factors <= 8 else 4

    assert shortest_word(list(design.points), longest=longest) == (
        None if design.resolution == FULL else design.resolution
    )
    assert len(set(design.points)) == len(design.points)
    assert design.points[0] == (False,) * factors


def test_up_to_four_factors_have_every_point_and_up_to_eight_have_resolution_five() -> None:
    assert [len(design_for(count).points) for count in range(1, 10)] == [2, 4, 8, 16, 16, 32, 64, 64, 32]
    assert [design_for(count).separates_interactions for count in range(1, 10)] == [True] * 8 + [False]
    assert all(design_for(count).resolution >= 4 for count in range(1, MOST_FACTORS + 1))


@pytest.mark.parametrize("factors", SIZES)
def test_every_half_quarter_and_so_on_has_each_factor_on_as_often_as_off(factors: int) -> None:
    """Each beginning of a power of two is a fraction of its own; from a certain length on, each factor is balanced."""
    points = np.array(design_for(factors).points)
    length = len(points)
    while length >= min(len(points), 2 * factors) and length > 1:
        assert (points[:length].mean(axis=0) == 0.5).all(), length
        length //= 2


@pytest.mark.parametrize(("factors", "half"), [(3, 3), (4, 4), (6, 3), (7, 3), (8, 3)])
def test_the_first_half_is_a_fraction_of_its_own(factors: int, half: int) -> None:
    points = design_for(factors).points

    assert shortest_word(list(points[: len(points) // 2]), longest=5) == half


@pytest.mark.parametrize("factors", [0, 33])
def test_too_few_or_too_many_factors_are_refused(factors: int) -> None:
    with pytest.raises(ValueError, match="1 to 32 factors"):
        design_for(factors)

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from se_nas.training.learning_rate import learning_rate_at
from se_nas.training.recipe import Recipe

schedules = st.tuples(st.integers(1, 30), st.integers(1, 40), st.floats(0, 5))


def rates(epochs: int, steps_per_epoch: int, warmup_epochs: float, *, batch_size: int = 128) -> list[float]:
    """The learning rate of every step."""
    recipe = Recipe(epochs=epochs, warmup_epochs=warmup_epochs, learning_rate=1.0)
    steps = epochs * steps_per_epoch
    return [
        learning_rate_at(recipe, step, steps=steps, steps_per_epoch=steps_per_epoch, batch_size=batch_size)
        for step in range(steps + 1)
    ]


def test_the_rate_equals_a_schedule_computed_by_hand() -> None:
    # Two warm-up steps, to 1/3 and 2/3, then a cosine over six steps: 1, (1 + cos 30°) / 2, 3/4, 1/2, ...
    expected = [1 / 3, 2 / 3, 1, 0.5 + math.sqrt(3) / 4, 0.75, 0.5, 0.25, 0.5 - math.sqrt(3) / 4, 0]

    assert rates(4, 2, 1.0) == pytest.approx(expected)


@given(schedules)
def test_the_rate_rises_to_the_peak_and_falls_to_zero(schedule: tuple[int, int, float]) -> None:
    rate = rates(*schedule)
    top = rate.index(max(rate))

    assert all(early < late for early, late in pairwise(rate[: top + 1]))
    assert all(early > late for early, late in pairwise(rate[top:]))
    assert 0.5 < max(rate) <= 1
    assert min(rate[:-1]) > 0
    assert rate[-1] == pytest.approx(0, abs=1e-12)


@given(schedules)
def test_the_rate_never_jumps(schedule: tuple[int, int, float]) -> None:
    rate = rates(*schedule)
    steps, warmup = len(rate) - 1, min(schedule[1] * schedule[2], (len(rate) - 1) / 4)

    steepest = max(1 / (warmup + 1), math.pi / 2 / (steps - warmup))
    assert all(abs(late - early) <= steepest + 1e-12 for early, late in pairwise(rate))


def test_the_warm_up_is_at_most_a_quarter_of_the_training() -> None:
    rate = rates(2, 8, 5.0)

    assert rate.index(max(rate)) == 4


@pytest.mark.parametrize(("batch_size", "factor"), [(128, 1.0), (512, 2.0), (32, 0.5)])
def test_the_rate_scales_with_the_square_root_of_the_batch_size(batch_size: int, factor: float) -> None:
    assert rates(4, 8, 1.0, batch_size=batch_size) == pytest.approx([factor * one for one in rates(4, 8, 1.0)])

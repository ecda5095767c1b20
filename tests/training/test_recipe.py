import math
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from se_nas.training.recipe import LEAST_STEPS, Recipe

schedules = st.tuples(st.integers(1, 30), st.integers(1, 40), st.floats(0, 5))


def rates(epochs: int, steps_per_epoch: int, warmup_epochs: float, *, batch_size: int = 128) -> list[float]:
    """The learning rate of every step."""
    recipe = Recipe(epochs=epochs, warmup_epochs=warmup_epochs, learning_rate=1.0)
    steps = epochs * steps_per_epoch
    return [
        recipe.learning_rate_at(step, steps=steps, steps_per_epoch=steps_per_epoch, batch_size=batch_size)
        for step in range(steps + 1)
    ]


class TestLearningRate:
    def test_the_rate_equals_a_schedule_computed_by_hand(self) -> None:
        # Two warm-up steps, to 1/3 and 2/3, then a cosine over six steps: 1, (1 + cos 30°) / 2, 3/4, 1/2, ...
        expected = [1 / 3, 2 / 3, 1, 0.5 + math.sqrt(3) / 4, 0.75, 0.5, 0.25, 0.5 - math.sqrt(3) / 4, 0]

        assert rates(4, 2, 1.0) == pytest.approx(expected)

    @given(schedules)
    def test_the_rate_rises_to_the_peak_and_falls_to_zero(self, schedule: tuple[int, int, float]) -> None:
        rate = rates(*schedule)
        top = rate.index(max(rate))

        assert all(early < late for early, late in pairwise(rate[: top + 1]))
        assert all(early > late for early, late in pairwise(rate[top:]))
        assert 0.5 < max(rate) <= 1
        assert min(rate[:-1]) > 0
        assert rate[-1] == pytest.approx(0, abs=1e-12)

    @given(schedules)
    def test_the_rate_never_jumps(self, schedule: tuple[int, int, float]) -> None:
        rate = rates(*schedule)
        steps, warmup = len(rate) - 1, min(schedule[1] * schedule[2], (len(rate) - 1) / 4)

        steepest = max(1 / (warmup + 1), math.pi / 2 / (steps - warmup))
        assert all(abs(late - early) <= steepest + 1e-12 for early, late in pairwise(rate))

    def test_the_warm_up_is_at_most_a_quarter_of_the_training(self) -> None:
        rate = rates(2, 8, 5.0)

        assert rate.index(max(rate)) == 4

    @pytest.mark.parametrize(("batch_size", "factor"), [(128, 1.0), (512, 2.0), (32, 0.5)])
    def test_the_rate_scales_with_the_square_root_of_the_batch_size(self, batch_size: int, factor: float) -> None:
        assert rates(4, 8, 1.0, batch_size=batch_size) == pytest.approx([factor * one for one in rates(4, 8, 1.0)])


class TestBatchSize:
    @pytest.mark.parametrize(
        ("images", "batch_size"), [(50_000, 128), (4096, 128), (4095, 64), (1078, 32), (500, 16), (100, 16), (7, 7)]
    )
    def test_the_batch_is_smaller_for_small_data_sets(self, images: int, batch_size: int) -> None:
        assert Recipe(epochs=1).batch_size_for(images) == batch_size

    @given(st.integers(2, 100_000), st.integers(2, 1024))
    def test_every_epoch_has_a_step_and_a_batch_above_16_leaves_enough_steps(self, images: int, most: int) -> None:
        batch_size = Recipe(epochs=1, batch_size=most).batch_size_for(images)

        assert 2 <= batch_size <= min(most, images)
        assert batch_size <= 16 or images // batch_size >= LEAST_STEPS


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"epochs": 0}, "epochs >= 1 must hold, but got epochs=0"),
        ({"batch_size": 1}, "batch_size >= 2 must hold, but got batch_size=1"),
        ({"cutout": 1.0}, "0 <= cutout <= 0.99 must hold, but got cutout=1.0"),
        ({"mixup": -0.1}, "mixup >= 0 must hold, but got mixup=-0.1"),
        ({"ema_decay": 1.0}, "0 <= ema_decay <= 0.999999 must hold, but got ema_decay=1.0"),
    ],
)
def test_the_error_for_an_impossible_recipe_shows_its_values(wrong: dict[str, float], rule: str) -> None:
    with pytest.raises(ValueError, match=re.escape(rule)):
        Recipe(**{"epochs": 1, **wrong})


def test_the_average_forgets_the_start_and_then_has_the_decay_of_the_recipe() -> None:
    recipe = Recipe(epochs=1, ema_decay=0.99)
    kept = [recipe.ema_decay_at(step) for step in range(2000)]

    assert kept[:2] == [1 / 10, 2 / 11]
    assert all(early <= late for early, late in pairwise(kept))
    assert kept[-1] == 0.99

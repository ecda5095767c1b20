import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from se_nas.training.recipe import LEAST_STEPS, Recipe


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

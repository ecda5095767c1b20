import numpy as np
import pytest
from scipy.stats import norm

from se_nas.searching.stop.savage_scores import savage_scores


def test_the_best_value_has_the_sum_of_all_reciprocals() -> None:
    scores = savage_scores(np.array([0.2, 0.9, 0.4, 0.1]))

    assert scores == pytest.approx(
        [1 / 3 + 1 / 4 - 1, 1 + 1 / 2 + 1 / 3 + 1 / 4 - 1, 1 / 2 + 1 / 3 + 1 / 4 - 1, 1 / 4 - 1]
    )


def test_equal_values_share_the_mean_of_their_scores() -> None:
    apart, equal = savage_scores(np.array([1.0, 2.0, 3.0, 4.0])), savage_scores(np.array([1.0, 3.0, 3.0, 4.0]))

    assert equal == pytest.approx([apart[0], apart[1:3].mean(), apart[1:3].mean(), apart[3]])


@pytest.mark.parametrize("values", [[0.5], [0.5, 0.5, 0.5], [3.0, 1.0, 2.0, 2.0]])
def test_savage_scores_have_a_mean_of_0(values: list[float]) -> None:
    assert savage_scores(np.array(values)).mean() == pytest.approx(0.0, abs=1e-12)


def test_many_savage_scores_are_exponentially_distributed() -> None:
    values = np.random.default_rng(0).standard_normal(20_000)

    assert np.abs(savage_scores(values) + 1 + norm.logsf(values)).mean() < 0.01


def test_two_orders_that_agree_at_the_top_are_correlated_more_than_two_that_agree_at_the_bottom() -> None:
    places = np.arange(100)
    top, bottom = places.copy(), places.copy()
    top[:50], bottom[50:] = places[:50][::-1], places[50:][::-1]

    with_top, with_bottom = (np.corrcoef(savage_scores(places), savage_scores(order))[0, 1] for order in (top, bottom))

    assert with_top > 0.9
    assert with_bottom < 0.3

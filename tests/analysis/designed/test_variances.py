"""The variances of networks, with and without noise that differs between them."""

import math

import numpy as np
import pytest

from se_nas.analysis.designed.variances import moderated_variances

FREEDOMS = np.full(16, 4.0)


def test_variances_that_differ_no_more_than_by_chance_are_all_the_pooled_variance() -> None:
    found = moderated_variances(np.full(16, 8.0), FREEDOMS)

    assert found.variances == pytest.approx(2.0)
    assert (found.freedoms == math.inf).all()


@pytest.mark.parametrize("factor", [10.0, 1000.0])
def test_a_network_with_much_noise_has_a_variance_between_the_pooled_one_and_its_own(factor: float) -> None:
    squares = 4 * np.where(np.arange(16) % 4 == 0, factor, 1.0)

    found = moderated_variances(squares, FREEDOMS)

    pooled, own = squares.sum() / FREEDOMS.sum(), squares / FREEDOMS
    assert (np.minimum(pooled, own) <= found.variances).all()
    assert (found.variances <= np.maximum(pooled, own)).all()
    assert (found.freedoms < 10).all()


@pytest.mark.parametrize("squares", [[0.0, 0.0, 0.0], [1.0, 9.0], [0.0, 0.0, 5.0, 5.0]])
def test_few_networks_and_networks_without_noise_have_finite_variances(squares: list[float]) -> None:
    found = moderated_variances(np.array(squares), np.ones(len(squares)))

    assert np.isfinite(found.variances).all()
    assert (found.variances >= 0).all()


def test_a_network_without_degrees_of_freedom_says_nothing_and_has_a_variance_all_the_same() -> None:
    found = moderated_variances(np.array([8.0] * 15 + [0.0]), np.array([4.0] * 15 + [0.0]))

    assert found.variances == pytest.approx(2.0)

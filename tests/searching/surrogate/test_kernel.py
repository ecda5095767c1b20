import numpy as np
import pytest

from se_nas.searching.normal_scores import normal_scores, scores_with_doubt
from se_nas.searching.surrogate.gaussian_process import Surrogate
from se_nas.searching.surrogate.kernel import Kernel


def spread_inputs(seed: int, *, count: int, width: int) -> np.ndarray:
    inputs = np.random.default_rng(seed).standard_normal((count, width))
    return inputs / np.sqrt(2 * inputs.var(axis=0))


def fitted(inputs: np.ndarray, values: np.ndarray) -> Kernel:
    targets = (values - values.mean()) / values.std()
    return Kernel.fitted(inputs, targets, np.full(len(values), 1e-6), np.arange(inputs.shape[1]))


@pytest.mark.parametrize("matters", [0, 2, 5])
def test_the_decision_that_matters_gets_the_greatest_weight(matters: int) -> None:
    inputs = spread_inputs(0, count=60, width=6)

    kernel = fitted(inputs, np.sin(3 * inputs[:, matters]))

    assert int(np.argmax(kernel.weights)) == matters


@pytest.mark.parametrize("noise", [0.3, 1.0])
def test_it_learns_how_noisy_values_are(noise: float) -> None:
    inputs, rng = spread_inputs(1, count=120, width=3), np.random.default_rng(1)
    truth = inputs.sum(axis=1)
    values = truth + noise * truth.std() * rng.standard_normal(120)

    assert fitted(inputs, values).noise == pytest.approx(noise**2 / (1 + noise**2), abs=0.15)


def test_effects_that_add_up_reach_networks_far_from_all_that_were_seen() -> None:
    inputs = spread_inputs(2, count=60, width=8)
    effects = np.arange(8.0)
    surrogate = Surrogate(inputs, inputs @ effects, np.zeros(60))

    mean, _ = surrogate.predict(np.full((1, 8), 3.0))

    assert mean[0] > 0.7 * 3 * effects.sum()


def test_its_numbers_make_the_same_kernel_again() -> None:
    inputs = spread_inputs(3, count=20, width=4)
    kernel = fitted(inputs, inputs[:, 0])

    assert Kernel.of_numbers(kernel.numbers) == kernel


def test_many_networks_are_fitted_on_a_part_of_them() -> None:
    inputs = spread_inputs(4, count=1_000, width=3)

    assert fitted(inputs, inputs[:, 0]).noise < 0.1


def test_scores_keep_the_order_and_equal_values_share_theirs() -> None:
    scores = normal_scores(np.array([0.1, 0.97, 0.98, 0.1]))

    assert scores[0] == scores[3] < scores[1] < scores[2]


def test_doubt_counts_on_the_scale_of_the_scores() -> None:
    values = np.linspace(0.9, 0.99, 10)

    scores, doubt = scores_with_doubt(values, np.array([0.0, *[0.01] * 8, 0.0]))

    assert doubt[0] == doubt[-1] == 0.0
    assert doubt[5] == pytest.approx((scores[6] - scores[4]) / 2)

import numpy as np
import pytest
from numpy.typing import NDArray

from se_nas.searching.normal_scores import normal_scores
from se_nas.searching.surrogate.gaussian_process import Surrogate

Values = NDArray[np.float64]


def landscape(seed: int, *, count: int) -> tuple[Values, Values]:
    """Features of choices and numbers, and a smooth accuracy over them."""
    rng = np.random.default_rng(seed)
    features = np.column_stack([rng.integers(0, 2, (count, 4)), rng.random((count, 3))]).astype(float)
    weights, waves = np.random.default_rng(100 + seed).standard_normal((2, 7))
    return features, 0.8 + 0.02 * (features @ weights) + 0.02 * np.sin(features @ (2 * waves))


def sure(values: Values) -> Values:
    return np.zeros(len(values))


def test_the_surrogate_predicts_unseen_networks() -> None:
    """Over these eight landscapes, 80 networks leave 18 % of the variance unexplained."""
    unexplained = []
    for seed in range(8):
        features, truth = landscape(seed, count=160)
        mean, _ = Surrogate(features[:80], truth[:80], sure(truth[:80])).predict(features[80:])
        unexplained.append(((mean - truth[80:]) ** 2).mean() / truth[80:].var())

    assert np.mean(unexplained) < 0.25


def test_the_predicted_standard_deviation_is_calibrated() -> None:
    """Over 20 noisy landscapes, 72 % of the true values lie within 1.28 standard deviations; 80 % should."""
    inside = []
    for seed in range(20):
        features, truth = landscape(seed, count=150)
        noisy = truth + np.random.default_rng(seed).normal(0, 0.01, len(truth))
        mean, deviation = Surrogate(features[:60], noisy[:60], sure(noisy[:60])).predict(features[60:])
        inside += list(np.abs(mean - truth[60:]) <= 1.2816 * deviation)

    assert 0.68 <= np.mean(inside) <= 0.9


def test_an_uncertain_value_has_less_influence_than_a_sure_one() -> None:
    features, truth = landscape(1, count=40)
    wrong = truth.copy()
    wrong[0] -= 0.05
    doubt = sure(wrong)
    doubt[0] = 0.2

    believed, _ = Surrogate(features, wrong, sure(wrong)).predict(features[:1])
    doubted, _ = Surrogate(features, wrong, doubt).predict(features[:1])

    assert abs(doubted[0] - truth[0]) < abs(believed[0] - truth[0])


def test_networks_that_did_not_learn_do_not_worsen_other_predictions() -> None:
    features, truth = landscape(2, count=160)
    broken = truth.copy()
    broken[:6] = 0.1

    mean, _ = Surrogate(features[:80], normal_scores(broken[:80]), sure(broken[:80])).predict(features[80:])

    assert np.corrcoef(mean, truth[80:])[0, 1] > 0.8


def test_believing_a_prediction_keeps_it_and_removes_its_uncertainty() -> None:
    features, truth = landscape(3, count=60)
    surrogate = Surrogate(features[:40], truth[:40], sure(truth[:40]))
    believer = surrogate.believing(features[40:45])

    (mean, deviation), (mean_after, deviation_after) = (
        surrogate.predict(features[40:45]),
        believer.predict(features[40:45]),
    )

    assert mean_after == pytest.approx(mean, abs=0.005)
    assert (deviation_after <= deviation + 1e-9).all()


@pytest.mark.parametrize("count", [3, 40])
def test_equal_values_and_equal_features_cause_no_error(count: int) -> None:
    mean, deviation = Surrogate(np.ones((count, 3)), np.full(count, 0.5), np.zeros(count)).predict(np.zeros((2, 3)))

    assert mean == pytest.approx(0.5)
    assert np.isfinite(deviation).all()


def test_the_surrogate_is_deterministic() -> None:
    features, truth = landscape(4, count=300)

    first, second = (Surrogate(features[:200], truth[:200], sure(truth[:200])).predict(features[200:]) for _ in "ab")

    assert np.array_equal(first, second)


def test_predictions_are_near_the_values_of_seen_networks() -> None:
    """Without noise, at most 0.002 % of the variance is left unexplained over eight landscapes."""
    unexplained = []
    for seed in range(8):
        features, truth = landscape(seed, count=80)
        mean, _ = Surrogate(features, truth, sure(truth)).predict(features)
        unexplained.append(((mean - truth) ** 2).mean() / truth.var())

    assert max(unexplained) < 0.001


def test_the_uncertainty_is_least_at_seen_networks() -> None:
    features, truth = landscape(5, count=120)
    surrogate = Surrogate(features[:60], truth[:60], sure(truth[:60]))

    _, seen = surrogate.predict(features[:60])
    _, unseen = surrogate.predict(features[60:])

    assert seen.mean() < 0.5 * unseen.mean()


def test_to_believe_a_prediction_makes_it_surer() -> None:
    """On this landscape seven tenths of the doubt are left at the most; the noise that is learned keeps them."""
    features, truth = landscape(3, count=60)
    surrogate = Surrogate(features[:40], truth[:40], sure(truth[:40]))

    _, before = surrogate.predict(features[40:45])
    _, after = surrogate.believing(features[40:45]).predict(features[40:45])

    assert (after < 0.8 * before).all()


def test_an_unseen_choice_does_not_hide_the_other_decisions() -> None:
    features, truth = landscape(0, count=160)
    features = np.column_stack([features, np.zeros(160)])
    surrogate = Surrogate(features[:80], truth[:80], sure(truth[:80]))
    features[80:, -1] = 1.0

    mean, _ = surrogate.predict(features[80:])

    assert mean.std() > 0.2 * truth[80:].std()


def test_an_unusually_low_latency_is_learned_without_a_change() -> None:
    """Most networks take 2 ms, one takes 1 ms. `TrialModels.log_costs` learns latencies with this class."""
    latency = np.log(np.array([1.0, *[2.0] * 7, 4.0, 4.0]))

    mean, _ = Surrogate(latency[:, None], latency, sure(latency)).predict(latency[:, None])

    assert np.exp(mean[0]) < 1.5

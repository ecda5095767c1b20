import numpy as np
import pytest
from scipy.stats import kendalltau

from se_nas.analysis.placement_effects import option_effects, pair_effects
from se_nas.analysis.ranking_trust import kendall_tau, trust_in


@pytest.mark.parametrize("seed", range(4))
def test_tau_is_that_of_scipy_with_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, 5, 20).astype(float), rng.integers(0, 6, 20).astype(float)

    assert kendall_tau(first, second) == pytest.approx(kendalltau(first, second).statistic)


def test_a_ranking_without_differences_has_no_tau() -> None:
    assert kendall_tau(np.zeros(5), np.arange(5.0)) == 0


def test_a_ranking_that_knows_more_than_what_is_free_is_trusted() -> None:
    rng = np.random.default_rng(0)
    accuracies = rng.normal(size=16)
    trust = trust_in(
        accuracies + 0.1 * rng.normal(size=16), accuracies, {"modules": rng.normal(size=16)}, ranking="own"
    )

    assert trust is not None
    assert trust.own.low <= trust.own.tau <= trust.own.high
    assert trust.is_earned
    assert "knows more than that" in trust.verdict


@pytest.mark.parametrize("sign", [1, -1])
def test_a_ranking_that_only_counts_modules_is_not_trusted_in_either_direction(sign: int) -> None:
    modules = np.arange(16.0)
    accuracies = sign * modules + np.random.default_rng(0).normal(size=16)
    trust = trust_in(sign * modules, accuracies, {"modules": modules}, ranking="own")

    assert trust is not None
    assert trust.own.tau > 0.8
    assert not trust.is_earned
    assert "reaches down to what is free" in trust.verdict


def test_noise_is_not_trusted() -> None:
    rng = np.random.default_rng(1)
    trust = trust_in(rng.normal(size=16), rng.normal(size=16), {}, ranking="own")

    assert trust is not None
    assert not trust.is_earned


def test_a_few_networks_say_nothing() -> None:
    assert trust_in([0.1] * 5, [0.2] * 5, {}, ranking="own") is None


def test_effects_of_a_known_model_are_found_in_all_placements_and_in_some() -> None:
    rng = np.random.default_rng(0)
    every = [(a, b, c) for a in range(3) for b in range(2) for c in range(2)]
    accuracies = [0.5 + [0, 0.02, 0.03][a] - 0.01 * b + 0.04 * (a > 0) * b for a, b, _ in every]
    some = sorted(rng.choice(len(every), 11, replace=False).tolist())
    for chosen in (range(len(every)), some):
        found = pair_effects([every[index] for index in chosen], [accuracies[index] for index in chosen])

        gains = {(each.first, each.second): each.gain for each in found}
        assert gains == {
            pair: pytest.approx(gain, abs=1e-9) for pair, gain in {(0, 1): 0.04, (0, 2): 0, (1, 2): 0}.items()
        }
    effects = {(each.switch, each.option): each.gain for each in option_effects(every, accuracies)}
    assert effects[0, 2] - effects[0, 1] == pytest.approx(0.01)
    assert effects[2, 1] == pytest.approx(0, abs=1e-9)


def test_only_effects_that_the_placements_tell_apart_are_reported() -> None:
    """The first two switches are always on together; the third is free."""
    placements = [(0, 0, 0), (1, 1, 0), (0, 0, 1), (1, 1, 1)]

    (only,) = option_effects(placements, [0.5, 0.6, 0.53, 0.63])

    assert (only.switch, only.option) == (2, 1)
    assert only.gain == pytest.approx(0.03)
    assert option_effects([(0, 0, 0), (1, 1, 1)], [0.5, 0.6]) == []


def test_interactions_are_left_out_if_the_placements_do_not_show_them() -> None:
    assert pair_effects([(0, 0), (1, 0), (0, 1)], [0.1, 0.2, 0.3]) == []

"""Effects of decisions in a whole search, compared with known true effects."""

from dataclasses import replace

import numpy as np
import pytest

from se_nas.analysis.effects import marginals
from se_nas.analysis.equal_cost import LEAST_OBSERVATIONS
from se_nas.searching.records import TrialRecord, TrialStatus
from se_nas.space.decisions import Categorical, FloatRange, IntRange, Role
from tests.fakes import record

DECISIONS = {
    "depth": IntRange(1, 3),
    "width": FloatRange(8, 64, role=Role.WIDTH),
    "stage2.reduction": Categorical((2, 4), role=Role.ATTENTION),
}


def searched(rng: np.random.Generator, *, count: int = 120, worth: float = 0.02) -> list[TrialRecord]:
    """Networks whose accuracy rises with the logarithm of their cost, and by `worth` with SE in stage 2.

    The more expensive networks have SE in stage 1 more often, but it has no effect.
    """
    records = []
    for number in range(count):
        flops = float(np.exp(rng.uniform(10, 14)))
        first = "inner/4" if rng.random() < (np.log(flops) - 10) / 4 else "none"
        second = "inner/2" if rng.random() < 0.5 else "none"
        accuracy = 0.3 + 0.04 * np.log(flops) + worth * (second != "none") + 0.01 * rng.standard_normal()
        made = record(
            number,
            accuracy=float(accuracy),
            curve=(0.5 * float(accuracy), float(accuracy)),
            flops=flops,
            assignment={"depth": int(rng.integers(1, 4)), "width": float(rng.uniform(8, 64)), "stage2.reduction": 2},
        )
        records.append(replace(made, se=(first, second)))
    return records


def of(records: list[TrialRecord]) -> dict[tuple[str, str], float]:
    return {(one.factor, one.value): one.mean for one in marginals(records, ["flops"], DECISIONS)}


def test_the_effect_of_a_useful_decision_is_its_true_worth() -> None:
    means = of(searched(np.random.default_rng(0)))

    gain = means["SE in stage 2", "inner/2"] - means["SE in stage 2", "none"]
    assert gain == pytest.approx(0.02, abs=0.005)


def test_a_decision_that_only_comes_with_a_higher_cost_has_no_effect() -> None:
    """If cost is ignored, networks with SE in stage 1 are 5 points better."""
    means = of(searched(np.random.default_rng(1), count=300))

    assert means["SE in stage 1", "inner/4"] == pytest.approx(0.0, abs=0.003)


def test_intervals_contain_the_true_effect_about_as_often_as_they_should() -> None:
    inside = []
    for seed in range(25):
        found = marginals(searched(np.random.default_rng(seed), worth=0.0), ["flops"], DECISIONS)
        inside += [one.low <= 0.0 <= one.high for one in found if one.factor.startswith("SE")]

    assert np.mean(inside) >= 0.85


def test_se_decisions_count_as_what_they_built_and_numbers_are_grouped_by_size() -> None:
    found = marginals(searched(np.random.default_rng(2)), ["flops"], DECISIONS)

    factors = list(dict.fromkeys(one.factor for one in found))
    assert factors == ["SE in stage 1", "SE in stage 2", "depth", "width"]
    assert [one.value for one in found if one.factor == "depth"] == ["1", "2", "3"]
    assert sum(one.count for one in found if one.factor == "width") == 120
    assert all(" to " in one.value for one in found if one.factor == "width")


def test_pruned_networks_count_with_their_expected_accuracy() -> None:
    """Most networks without SE in stage 2 are pruned. This must not hide the effect of SE there."""
    records = [
        replace(one, status=TrialStatus.PRUNED, curve=one.curve[:1]) if one.se[1] == "none" and one.number % 10 else one
        for one in searched(np.random.default_rng(3))
    ]

    means = of(records)

    assert means["SE in stage 2", "inner/2"] - means["SE in stage 2", "none"] == pytest.approx(0.02, abs=0.008)


def test_few_networks_give_no_effects() -> None:
    records = searched(np.random.default_rng(4), count=LEAST_OBSERVATIONS - 1)

    assert marginals(records, ["flops"], DECISIONS) == []


def test_identical_networks_give_no_effects() -> None:
    alike = [replace(one, se=("none", "none"), assignment={}) for one in searched(np.random.default_rng(6))]

    assert marginals(alike, ["flops"], DECISIONS) == []


def test_a_value_that_few_networks_have_is_left_out() -> None:
    records = searched(np.random.default_rng(5))
    rare = [replace(records[0], assignment={**records[0].assignment, "depth": 9}), *records[1:]]

    assert ("depth", "9") not in of(rare)

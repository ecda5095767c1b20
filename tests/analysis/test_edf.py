"""Questions that split a space, compared with known true values."""

from dataclasses import replace

import numpy as np
import pytest

from se_nas.analysis.edf import splits
from se_nas.analysis.equal_cost import LEAST_OBSERVATIONS
from tests.analysis.test_effects import DECISIONS, searched


def test_only_a_question_that_matters_splits_the_space() -> None:
    by_question = {split.question: split for split in splits(searched(np.random.default_rng(0)), ["flops"], DECISIONS)}

    assert by_question["SE in stage 2"].is_sure
    assert not by_question["SE in stage 1"].is_sure
    better, worse = by_question["SE in stage 2"].subspaces
    assert (better.label, worse.label) == ("with SE", "without")
    assert np.median(worse.errors) - np.median(better.errors) == pytest.approx(0.02, abs=0.006)


def test_each_side_has_the_errors_of_its_networks_in_ascending_order() -> None:
    for split in splits(searched(np.random.default_rng(1)), ["flops"], DECISIONS):
        for side in split.subspaces:
            assert list(side.errors) == sorted(side.errors)
        if split.question.startswith("SE in stage"):
            assert sum(len(side.errors) for side in split.subspaces) == 120


def test_widths_are_split_in_the_middle_and_reductions_only_among_networks_with_se() -> None:
    records = searched(np.random.default_rng(2))
    by_question = {split.question: split for split in splits(records, ["flops"], DECISIONS)}

    small, large = by_question["width"].subspaces
    assert (len(small.errors), len(large.errors)) == (60, 60)
    with_se = [record for record in records if set(record.se) != {"none"}]
    assert sum(len(side.errors) for side in by_question["reduction"].subspaces) == len(with_se)


def test_questions_without_an_effect_rarely_give_a_false_alarm() -> None:
    """In 30 searches, SE has no effect. More than 4 false alarms have a probability below 1 in 100."""
    alarms = sum(
        any(split.is_sure for split in splits(searched(np.random.default_rng(seed), worth=0.0), ["flops"], DECISIONS))
        for seed in range(30)
    )

    assert alarms <= 4


def test_few_networks_or_an_empty_side_give_no_split() -> None:
    few = searched(np.random.default_rng(3), count=LEAST_OBSERVATIONS - 1)
    alike = [replace(one, se=("none", "none"), assignment={}) for one in searched(np.random.default_rng(4))]

    assert splits(few, ["flops"], DECISIONS) == []
    assert splits(alike, ["flops"], DECISIONS) == []

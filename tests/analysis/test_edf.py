"""Questions that part a space, beside what is true by construction."""

from dataclasses import replace

import numpy as np
import pytest

from se_nas.analysis.edf import splits
from se_nas.analysis.equal_cost import LEAST_LESSONS
from tests.analysis.test_effects import searched


def test_a_question_that_matters_parts_the_space_and_one_that_does_not_does_not() -> None:
    by_question = {split.question: split for split in splits(searched(np.random.default_rng(0)), ["flops"])}

    assert by_question["SE in stage 2"].is_sure
    assert not by_question["SE in stage 1"].is_sure
    better, worse = by_question["SE in stage 2"].subspaces
    assert (better.label, worse.label) == ("with SE", "without")
    assert np.median(worse.errors) - np.median(better.errors) == pytest.approx(0.02, abs=0.006)


def test_each_side_has_its_networks_in_the_order_of_their_errors() -> None:
    for split in splits(searched(np.random.default_rng(1)), ["flops"]):
        for side in split.subspaces:
            assert list(side.errors) == sorted(side.errors)
        if split.question.startswith("SE in stage"):
            assert sum(len(side.errors) for side in split.subspaces) == 120


def test_widths_are_parted_in_the_middle_and_reductions_among_networks_that_have_one() -> None:
    records = searched(np.random.default_rng(2))
    by_question = {split.question: split for split in splits(records, ["flops"])}

    small, large = by_question["width"].subspaces
    assert (len(small.errors), len(large.errors)) == (60, 60)
    with_se = [record for record in records if set(record.se) != {"none"}]
    assert sum(len(side.errors) for side in by_question["reduction"].subspaces) == len(with_se)


def test_questions_about_nothing_seldom_find_something() -> None:
    """Of 30 searches where SE is worth nothing; a false alarm in more than 4 has odds below 1 in 100."""
    alarms = sum(
        any(split.is_sure for split in splits(searched(np.random.default_rng(seed), worth=0.0), ["flops"]))
        for seed in range(30)
    )

    assert alarms <= 4


def test_few_networks_or_a_side_without_any_tell_nothing() -> None:
    few = searched(np.random.default_rng(3), count=LEAST_LESSONS - 1)
    alike = [replace(one, se=("none", "none"), assignment={}) for one in searched(np.random.default_rng(4))]

    assert splits(few, ["flops"]) == []
    assert splits(alike, ["flops"]) == []

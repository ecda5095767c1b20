"""Sentences about trials that failed."""

import pytest

from se_nas.analysis.lost_trials import loss_sentences
from se_nas.searching.records import TrialRecord, TrialStatus
from tests.fakes import record

KILLED, MEMORY = "killed by signal 11 (SIGSEGV: a crash in native code), twice", "OutOfMemoryError: CUDA out of memory"


def good(number: int, **assignment: object) -> TrialRecord:
    return record(number, assignment=assignment, flops=100 + number)


def bad(number: int, reason: str = KILLED, *, flops: int = 110, **assignment: object) -> TrialRecord:
    return record(number, status=TrialStatus.FAILED, reason=reason, assignment=assignment, flops=flops)


def test_without_failed_trials_there_are_no_sentences() -> None:
    assert loss_sentences([good(number) for number in range(9)]) == []


def test_losses_are_counted_by_kind() -> None:
    lost = [bad(0), bad(1, MEMORY), bad(2, MEMORY)]
    told = loss_sentences([*lost, *(good(number, width=number) for number in range(3, 200))])

    assert told[0] == "3 of 200 trials failed: 2 because of too little memory, 1 because of killed workers."


@pytest.mark.parametrize(
    ("having", "others", "told_of_them"),
    [
        (10, 40, "so do 10 of the 40 others"),
        (1, 9, "so does 1 of the 9 others"),
        (0, 9, "none of the 9 others does"),
        (0, 1, "the other network does not"),
    ],
)
def test_the_value_that_all_failed_networks_share_is_named(having: int, others: int, told_of_them: str) -> None:
    lost = [bad(number, width=8, depth=number % 3) for number in range(7)]
    well = [good(number, width=8 if number < having else 16, depth=number % 3) for number in range(others)]
    told = loss_sentences([*lost, *well])

    assert f"All 7 failed networks have width 8; {told_of_them}." in told
    assert told[-1] == "So the front may lack such networks."


def test_larger_or_smaller_failed_networks_are_reported() -> None:
    others = [good(number, depth=number % 3) for number in range(40)]
    large = [bad(number, MEMORY, flops=10_000, depth=number % 3) for number in range(4)]
    small = [bad(number, MEMORY, flops=7, depth=number % 3) for number in range(4)]

    assert "The failed networks are larger: median 10k flops against 120." in loss_sentences([*large, *others])
    assert "The failed networks are smaller: median 7 flops against 120." in loss_sentences([*small, *others])


def test_a_value_that_all_networks_share_is_not_reported() -> None:
    lost = [bad(number, stem=8, depth=number % 3) for number in range(6)]
    told = loss_sentences([*lost, *(good(number, stem=8, depth=number % 3) for number in range(20))])

    assert len(told) == 2
    assert told[-1] == "So the front may lack networks like these."


def test_a_search_in_which_all_trials_failed_reports_no_biased_front() -> None:
    assert loss_sentences([bad(number) for number in range(5)]) == [
        "5 of 5 trials failed: 5 because of killed workers."
    ]

"""The next step of a failed training, by the reason of the failure."""

import signal
from dataclasses import replace

import pytest

from se_nas.execution.retries import Next, Retries
from se_nas.searching.failures import Failure, FailureKind

HERE, THERE = "here", "there"
BOTH = frozenset({HERE, THERE})


def failure(kind: FailureKind, reason: str = "broken", *, node: str = HERE, at_once: bool = False) -> Failure:
    return Failure(kind=kind, reason=reason, node=node, at_once=at_once)


MEMORY = failure(FailureKind.MEMORY, "killed for memory")
SIGKILL = replace(failure(FailureKind.KILLED, "killed by signal 9 (SIGKILL)"), signal=signal.SIGKILL)
AS_IT_STARTED = failure(FailureKind.KILLED, "killed as it started", at_once=True)
CRASH = failure(FailureKind.KILLED, "killed by signal 11 (SIGSEGV: a crash in native code)")


@pytest.mark.parametrize("killed", [MEMORY, SIGKILL, AS_IT_STARTED])
def test_a_training_that_may_have_lacked_memory_is_repeated_alone_once(killed: Failure) -> None:
    retries = Retries()

    assert [retries.after(7, killed) for _ in range(2)] == [Next.ALONE, Next.FAIL]
    assert retries.with_attempts(7, killed).text == f"{killed.reason}, also when trained alone (on here)"


def test_a_training_whose_worker_died_as_it_started_is_repeated_alone_on_another_machine() -> None:
    retries = Retries()

    assert retries.after(0, AS_IT_STARTED, machines=BOTH) is Next.ALONE
    assert retries.tried(0) == {HERE}


def test_a_crashed_training_is_repeated_once_on_another_machine_if_there_is_one() -> None:
    retries = Retries()

    assert retries.after(0, CRASH) is Next.AGAIN
    assert retries.after(1, CRASH, machines=BOTH) is Next.ELSEWHERE
    assert retries.tried(1) == {HERE}
    assert retries.after(1, failure(FailureKind.KILLED, node=THERE), machines=BOTH) is Next.FAIL
    assert retries.with_attempts(1, CRASH).reason.endswith(", twice")


@pytest.mark.parametrize(
    "failed",
    [failure(FailureKind.PLACE), failure(FailureKind.PLACE, at_once=True), failure(FailureKind.NETWORK, at_once=True)],
)
def test_a_fault_of_the_machine_and_a_failure_at_once_count_only_when_no_machine_is_left(failed: Failure) -> None:
    retries = Retries()

    assert retries.after(0, failed, machines=BOTH) is Next.ELSEWHERE
    assert retries.after(0, failure(failed.kind, node=THERE, at_once=True), machines=BOTH) is Next.FAIL
    assert retries.with_attempts(0, failed).reason == "broken, on each of 2 machines"


def test_an_error_of_the_training_itself_counts_at_once() -> None:
    assert Retries().after(0, failure(FailureKind.NETWORK), machines=BOTH) is Next.FAIL


def test_no_order_of_failures_repeats_a_training_for_ever() -> None:
    kinds = [MEMORY, SIGKILL, CRASH, AS_IT_STARTED, failure(FailureKind.PLACE)]
    kinds.append(failure(FailureKind.NETWORK, at_once=True))
    for first in kinds:
        for second in kinds:
            retries = Retries()
            answers = [retries.after(0, each, machines=BOTH) for each in (first, second) * 3]

            assert Next.FAIL in answers


def test_the_text_of_a_failure_has_its_reason_and_its_machine() -> None:
    assert failure(FailureKind.PLACE).text == "not the network's fault: broken (on here)"
    assert failure(FailureKind.NETWORK, node="").text == "broken"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (FailureKind.MEMORY, "killed for memory by the kernel (signal 9, SIGKILL)"),
        (FailureKind.MEMORY, "OutOfMemoryError: CUDA out of memory"),
        (FailureKind.MEMORY, "RuntimeError: CUDA error: out of memory"),
        (FailureKind.MEMORY, "MemoryError: "),
        (FailureKind.KILLED, "killed by signal 9 (SIGKILL)"),
        (FailureKind.NETWORK, "the accuracy became nan in epoch 3"),
        (FailureKind.PLACE, "no images"),
    ],
)
def test_a_failure_comes_back_from_a_file_and_from_the_text_that_earlier_versions_kept(
    kind: FailureKind, reason: str
) -> None:
    failed = Failure(kind=kind, reason=reason, node="machine 7", at_once=True, signal=9)

    assert Failure.of_dict(failed.as_dict()) == failed
    assert (Failure.of_text(failed.text).kind, Failure.of_text(failed.text).text) == (kind, failed.text)

import time
from collections.abc import Iterator

import pytest

from se_nas.execution.local import LocalExecutor
from se_nas.execution.protocol import next_report
from se_nas.searching.failures import Failure
from se_nas.searching.tasks import EpochReport, TrialTask
from tests.fakes import tiny_architecture


def reports(*values: float) -> Iterator[EpochReport]:
    for epoch, accuracy in enumerate(values, start=1):
        yield EpochReport(epoch=epoch, accuracy=accuracy, seconds=0.0)


def test_reports_come_in_order_and_a_training_that_ends_too_early_fails() -> None:
    training = reports(0.5)

    assert next_report(training, epoch_seconds=60) == EpochReport(epoch=1, accuracy=0.5, seconds=0.0)
    assert next_report(training, epoch_seconds=60) == Failure(reason="the training ended before its last epoch")


@pytest.mark.parametrize("error", [RuntimeError("CUDA out\nof memory"), FloatingPointError("nan"), AssertionError("x")])
def test_the_error_of_a_trial_becomes_its_reason_in_one_line(error: Exception) -> None:
    def training() -> Iterator[EpochReport]:
        raise error
        yield

    reason = next_report(training(), epoch_seconds=60)

    assert isinstance(reason, Failure)
    assert reason.text == f"{type(error).__name__}: {' '.join(str(error).split())}"


def test_ctrl_c_does_not_fail_the_trial() -> None:
    def training() -> Iterator[EpochReport]:
        raise KeyboardInterrupt
        yield

    with pytest.raises(KeyboardInterrupt):
        next_report(training(), epoch_seconds=60)


def test_an_epoch_that_hangs_fails_its_trial() -> None:
    def training() -> Iterator[EpochReport]:
        while True:
            time.sleep(0.01)
        yield

    assert next_report(training(), epoch_seconds=0.2) == Failure(reason="an epoch took longer than 0.2 s")


class Trials:
    """A work of `count` trainings that records how each of them ended."""

    def __init__(self, count: int) -> None:
        self.waiting, self.ends = list(range(count)), list[tuple[int, str]]()

    def next_trial(self) -> TrialTask | None:
        return TrialTask(number=self.waiting.pop(0), architecture=tiny_architecture(), seed=0) if self.waiting else None

    def epoch_done(self, number: int, report: EpochReport) -> bool:
        self.ends.append((number, "done"))
        return False

    def fail(self, number: int, failure: Failure) -> None:
        self.ends.append((number, failure.text))

    def repeat(self, number: int) -> None:
        self.ends.append((number, "again"))
        self.waiting.insert(0, number)

    @property
    def is_over(self) -> bool:
        return not self.waiting


class OutOfMemoryError(RuntimeError):
    """An error with the name that torch uses."""


@pytest.mark.parametrize(("failures", "end"), [(1, "done"), (9, "OutOfMemoryError: CUDA out of memory")])
def test_a_training_that_lacked_memory_is_repeated_once(failures: int, end: str) -> None:
    left = [failures]

    def evaluate(task: TrialTask) -> Iterator[EpochReport]:
        if task.number == 0 and left[0]:
            left[0] -= 1
            raise OutOfMemoryError("CUDA out of memory")
        yield EpochReport(epoch=1, accuracy=0.5, seconds=0.0)

    trials = Trials(2)
    LocalExecutor(epoch_seconds=60).run(trials, evaluate)

    assert trials.ends == [(0, "again"), (0, end), (1, "done")]

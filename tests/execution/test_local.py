from collections.abc import Iterator

import pytest

from se_nas.execution.protocol import next_report
from se_nas.search.tasks import EpochReport


def reports(*values: float) -> Iterator[EpochReport]:
    for epoch, accuracy in enumerate(values, start=1):
        yield EpochReport(epoch=epoch, accuracy=accuracy, seconds=0.0)


def test_reports_come_in_order_and_a_training_that_ends_too_soon_says_so() -> None:
    training = reports(0.5)

    assert next_report(training) == EpochReport(epoch=1, accuracy=0.5, seconds=0.0)
    assert next_report(training) == "the training ended before its last epoch"


@pytest.mark.parametrize("error", [RuntimeError("CUDA out\nof memory"), FloatingPointError("nan"), AssertionError("x")])
def test_whatever_a_trial_raises_becomes_its_reason_in_one_line(error: Exception) -> None:
    def training() -> Iterator[EpochReport]:
        raise error
        yield

    reason = next_report(training())

    assert reason == f"{type(error).__name__}: {' '.join(str(error).split())}"


def test_ctrl_c_is_no_trial_failure() -> None:
    def training() -> Iterator[EpochReport]:
        raise KeyboardInterrupt
        yield

    with pytest.raises(KeyboardInterrupt):
        next_report(training())

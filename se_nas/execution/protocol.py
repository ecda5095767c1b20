"""What an executor is: it does a work of many trainings, somewhere."""

import time
from collections.abc import Callable, Iterator
from typing import Protocol

from se_nas.execution.watchdog import WatchdogError, watched
from se_nas.search.tasks import EpochReport, TrialTask
from se_nas.wording import printable

Evaluate = Callable[[TrialTask], Iterator[EpochReport]]
"""Trains a task's network and yields a report an epoch. Whoever iterates may stop at any epoch."""


class Work(Protocol):
    """What there is to train: a search's campaign, or chosen networks on chosen seeds."""

    def next_trial(self) -> TrialTask | None:
        """The next training; None when there is none now. It is asked again when one that is under way has ended."""

    def epoch_done(self, number: int, report: EpochReport) -> bool:
        """Take a worker's report; False when that training is at its end."""

    def fail(self, number: int, reason: str) -> None:
        """That training ended without a result."""

    def repeat(self, number: int) -> None:
        """Its worker died; it is to be handed out once more."""

    @property
    def is_over(self) -> bool:
        """Whether every training has ended and none is left to hand out."""


class Executor(Protocol):
    """Does a work, `workers` trainings at a time."""

    @property
    def workers(self) -> int:
        """Trainings side by side."""

    @property
    def description(self) -> str:
        """The same for people."""

    @property
    def cluster(self) -> str | None:
        """The Ray cluster that trains, for people; None where there is none."""

    @property
    def processors(self) -> int:
        """A training's part of the processors."""

    def run(self, work: Work, evaluate: Evaluate) -> None:
        """Returns when every training that was handed out has ended."""


def next_report(reports: Iterator[EpochReport], *, epoch_seconds: float) -> EpochReport | str:
    """The next report, or why there is none: what goes wrong in a trial, or takes longer than `epoch_seconds`, fails
    that trial, not the search."""
    ends = time.monotonic() + epoch_seconds

    def late() -> str | None:
        return f"an epoch took longer than {epoch_seconds:g} s" if time.monotonic() > ends else None

    try:
        with watched(late, every=min(1.0, epoch_seconds / 4)):
            return next(reports)
    except StopIteration:
        return "the training ended before its last epoch"
    except Exception as error:  # noqa: BLE001 - recorded with the trial
        said = printable(" ".join(str(error).split())[:300])
        return said if isinstance(error, WatchdogError) else f"{type(error).__name__}: {said}"


def is_out_of_memory(reason: str) -> bool:
    """Whether a training failed for want of the GPU's memory, which it may have for itself in a second attempt."""
    return reason.startswith("OutOfMemoryError")

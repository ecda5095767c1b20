"""What an executor is: it runs many trainings, here or on other machines."""

import time
from collections.abc import Callable, Iterator
from typing import Protocol, runtime_checkable

from se_nas.execution.place import Checked
from se_nas.execution.reasons import failure_of
from se_nas.execution.watchdog import WatchdogError, watched
from se_nas.searching.failures import Failure
from se_nas.searching.tasks import EpochReport, TrialTask

Evaluate = Callable[[TrialTask], Iterator[EpochReport]]
"""Trains a task's network and yields one report for each epoch. The caller may stop at any epoch."""


Tell = Callable[[str], None]
"""Prints a line for the user."""


def tell_nobody(_: str) -> None:
    """Print nothing."""


@runtime_checkable
class HasNeeds(Protocol):
    """An evaluation that needs something of a machine beside a worker."""

    def needs(self) -> Checked:
        """The check that runs on each machine before its first trial."""


class Work(Protocol):
    """What there is to train: a search's loop, or chosen networks on chosen seeds."""

    def next_trial(self) -> TrialTask | None:
        """The next training; None when there is none now. It is asked again when one that is under way has ended."""

    def epoch_done(self, number: int, report: EpochReport) -> bool:
        """Take a worker's report; False when that training is at its end."""

    def fail(self, number: int, failure: Failure) -> None:
        """Record that the training ended without a result and is not repeated."""

    def repeat(self, number: int) -> None:
        """Hand the training out once more."""

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
        """The Ray cluster that trains, as text for people; None if there is none."""

    @property
    def processors(self) -> int:
        """The number of processors for one training."""

    def run(self, work: Work, evaluate: Evaluate, tell: Tell = tell_nobody) -> None:
        """Returns when every training that was handed out has ended. `tell` is told which machines get no work."""


def next_report(reports: Iterator[EpochReport], *, epoch_seconds: float) -> EpochReport | Failure:
    """The next report, or the failure that prevented it. An error in a trial, or an epoch longer than `epoch_seconds`,
    fails the trial, not the search."""
    ends = time.monotonic() + epoch_seconds

    def late() -> str | None:
        return f"an epoch took longer than {epoch_seconds:g} s" if time.monotonic() > ends else None

    try:
        with watched(late, every=min(1.0, epoch_seconds / 4)):
            return next(reports)
    except StopIteration:
        return Failure(reason="the training ended before its last epoch")
    except WatchdogError as error:
        return Failure(reason=str(error))
    except Exception as error:  # noqa: BLE001 - recorded with the trial
        return failure_of(error)

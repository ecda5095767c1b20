"""The executor protocol. An executor runs many trainings, in this process or on other machines."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

from se_nas.execution.place import Checked
from se_nas.execution.reasons import failure_of
from se_nas.execution.watchdog import WatchdogError, watched
from se_nas.searching.failures import Failure
from se_nas.searching.tasks import EpochReport, TrialTask

Evaluate = Callable[[TrialTask], Iterator[EpochReport]]
"""Trains a task's network and yields one report for each epoch. The caller may stop at any epoch."""


PrintLine = Callable[[str], None]
"""Prints a line for the user."""


def print_nothing(_: str) -> None:
    """Drop the line."""


@runtime_checkable
class HasNeeds(Protocol):
    """An evaluation that needs something of a machine besides a worker."""

    def needs(self) -> Checked:
        """The check that runs on each machine before its first trial."""


@runtime_checkable
class WritesFiles(Protocol):
    """An evaluation that writes files into a folder, which other machines may not see."""

    @property
    def folder(self) -> Path:
        """The absolute path of the folder."""

    def checkpoint(self, task: TrialTask) -> Path:
        """The file in the folder from which an interrupted training continues; it may not exist."""

    def writing_into(self, folder: Path) -> Evaluate:
        """The same evaluation with another folder."""


class Work(Protocol):
    """The trainings that an executor runs: the trials of a search, or chosen networks on chosen seeds."""

    def next_trial(self) -> TrialTask | None:
        """The next training; None if there is none now. The executor asks again when a running training has ended."""

    def epoch_done(self, number: int, report: EpochReport) -> bool:
        """Take a worker's report. Return False if that training is at its end."""

    def fail(self, number: int, failure: Failure) -> None:
        """Record that the training has ended without a result and is not repeated."""

    def repeat(self, number: int) -> None:
        """Hand out the training once more."""

    @property
    def is_over(self) -> bool:
        """Whether every training has ended and none is left to hand out."""


class Executor(Protocol):
    """Runs all trainings of a work, `workers` of them at a time."""

    @property
    def workers(self) -> int:
        """The number of trainings side by side."""

    @property
    def description(self) -> str:
        """Text for people that says how many trainings run at a time, and where."""

    @property
    def cluster(self) -> str | None:
        """The Ray cluster that trains, as text for people; None if there is none."""

    @property
    def processors(self) -> int:
        """The number of processors for one training."""

    def run(self, work: Work, evaluate: Evaluate, print_line: PrintLine = print_nothing) -> None:
        """Train until every training that was handed out has ended.

        `print_line` gets a line if a machine gets no work.
        """


def next_report(reports: Iterator[EpochReport], *, epoch_seconds: float) -> EpochReport | Failure:
    """The next report, or the failure that prevented it.

    An error in a trial, or an epoch longer than `epoch_seconds`, fails the trial but not the search.
    """
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

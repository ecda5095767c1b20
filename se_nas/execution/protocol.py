"""What an executor is: it drives a campaign by evaluating its trials."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from se_nas.search.tasks import EpochReport, TrialTask

if TYPE_CHECKING:  # workers import this file, and do without what a campaign needs
    from se_nas.search.campaign import Campaign

Evaluate = Callable[[TrialTask], Iterator[EpochReport]]
"""Trains a task's network and yields a report an epoch. Whoever iterates may stop at any epoch."""


class Executor(Protocol):
    """Evaluates trials until the campaign has no more, `workers` at a time."""

    @property
    def workers(self) -> int:
        """Trials side by side."""

    @property
    def description(self) -> str:
        """The same for people."""

    def run(self, campaign: "Campaign", evaluate: Evaluate) -> None:
        """Returns when every trial that was handed out is settled."""


def next_report(reports: Iterator[EpochReport]) -> EpochReport | str:
    """The next report, or why there is none: what goes wrong in a trial fails that trial, not the search."""
    try:
        return next(reports)
    except StopIteration:
        return "the training ended before its last epoch"
    except Exception as error:  # noqa: BLE001 - recorded with the trial
        return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"

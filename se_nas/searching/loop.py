"""SearchLoop: a search in progress. It joins strategy, study and pruner. An executor drives it; trackers are notified.

next_trial  strategy.ask -> decode -> study.start
epoch_done  study.report -> pruner
fail        the trial ends without a result
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from se_nas.searching.failures import Failure, FaultsInARow
from se_nas.searching.propose.strategy import ExhaustedError, SearchStrategy
from se_nas.searching.records import Metrics, TrialRecord, TrialStatus
from se_nas.searching.stop.pruning import FrontPruner
from se_nas.searching.study.study import SearchStudy
from se_nas.searching.tasks import EpochReport, TrialTask
from se_nas.seeds import derive_seed
from se_nas.space.architecture import Architecture
from se_nas.space.design_space import DesignSpace

HOPELESS_AFTER = 8
"""The number of failed trials after which a search ends, if no trial has ended in another way."""


class Listener(Protocol):
    """Is notified of the first report of a search, and of the start and the end of every trial."""

    def training_began(self) -> None:
        """The first epoch since the start or the resume of the search is done. This is called once."""

    def trial_started(self, record: TrialRecord) -> None:
        """Take the record of a trial whose training begins."""

    def trial_ended(self, record: TrialRecord) -> None:
        """Take the record of a trial that is complete, pruned or failed. The study stores its end afterwards."""


class SearchLoop:
    """Hands out trials until the budget is used, and settles each trial exactly once.

    Trials that are still running in the study were cut off by the end of an earlier process. They are trained first,
    without changes.
    """

    def __init__(
        self,
        *,
        space: DesignSpace,
        cost_of: Callable[[Architecture], Mapping[str, float]],
        strategy: SearchStrategy,
        study: SearchStudy,
        records: Iterable[TrialRecord],
        pruner: FrontPruner,
        budget: int,
        epochs: int,
        seed: int,
        listener: Listener,
    ) -> None:
        """Continue after `records`, which are all trials of the study.

        The training of a trial is seeded by `seed` and the trial's number.
        """
        self._space, self._cost_of, self._strategy = space, cost_of, strategy
        self._study, self._pruner = study, pruner
        self._listener = listener
        self._has_report = False
        self._budget, self._epochs, self._seed = budget, epochs, seed
        self.exhausted: str | None = None
        self._failed_so_far: int | None = 0  # None as soon as a trial has ended in another way
        self._faults = FaultsInARow()
        self.records = {record.number: record for record in records}
        for record in self.records.values():
            strategy.tell(record)
        self.cut_off = deque(number for number, record in self.records.items() if _is_running(record))

    def next_trial(self) -> TrialTask | None:
        """The next network to train; None if the budget is used or the strategy finds no further network."""
        if self.cut_off:
            number = self.cut_off.popleft()
            record = replace(self.records[number], curve=(), seconds=0.0)
            return self._start(record)
        if len(self.records) >= self._budget or self.exhausted or self._is_hopeless():
            return None
        try:
            proposal = self._strategy.ask()
        except ExhaustedError as error:
            self.exhausted = str(error)
            return None
        architecture = self._space.decode(proposal.assignment)
        record = TrialRecord(
            number=len(self.records),
            status=TrialStatus.RUNNING,
            assignment=proposal.assignment,
            fingerprint=architecture.fingerprint(),
            se=architecture.se_tokens,
            cost=self._cost_of(architecture),
            memo=proposal.memo,
        )
        self._study.start(record)
        self._strategy.tell(record)
        return self._start(record)

    def epoch_done(self, number: int, report: EpochReport) -> bool:
        """Take a worker's report. Return False if the trial is at its end, pruned or fully trained.

        A trial whose measured cost breaks a bound of the space is pruned with its first report.
        """
        if not self._has_report:
            self._listener.training_began()
            self._has_report = True
        record = self.records[number]
        if not math.isfinite(report.accuracy):
            self.fail(number, Failure(reason=f"the accuracy became {report.accuracy} in epoch {report.epoch}"))
            return False
        record = self.records[number] = replace(
            record,
            curve=(*record.curve[: report.epoch - 1], report.accuracy),
            seconds=record.seconds + report.seconds,
            cost={**record.cost, **report.costs},
            metrics=report.metrics,
        )
        if (broken := self._space.cost_violation(report.costs)) is not None:
            self._settle(replace(record, status=TrialStatus.PRUNED, reason=broken))
            return False
        if report.epoch >= self._epochs:
            self._settle(replace(record, status=TrialStatus.COMPLETE))
            return False
        self._study.report(number, epoch=report.epoch, accuracy=report.accuracy, costs=report.costs)
        reason = None
        if report.epoch in self._pruner.rungs:
            reason = self._study.reason_to_stop(number, report.epoch, self._pruner)
        if reason is not None:
            self._settle(replace(record, status=TrialStatus.PRUNED, reason=reason))
        return reason is None

    def fail(self, number: int, failure: Failure) -> None:
        """Settle a trial that ended without a result.

        RunFailedError if one trial after another fails and the networks are not the reason.
        """
        record = self.records[number]
        self._settle(replace(record, status=TrialStatus.FAILED, reason=failure.text, failure=failure))
        self._faults.failed(failure)

    def take_over(
        self,
        number: int,
        *,
        curve: Sequence[float],
        seconds: float,
        cost: Mapping[str, float],
        status: TrialStatus = TrialStatus.COMPLETE,
        reason: str = "",
        metrics: Metrics | None = None,
    ) -> None:
        """Settle a cut-off trial whose training has ended, although the study does not contain its end."""
        self.cut_off.remove(number)
        if (broken := self._space.cost_violation(cost)) is not None:
            status, reason = TrialStatus.PRUNED, broken
        record = replace(self.records[number], status=status, curve=tuple(curve), seconds=seconds, reason=reason)
        self._settle(replace(record, cost={**record.cost, **cost}, metrics=metrics or {}))

    def repeat(self, number: int) -> None:
        """Hand out the trial once more, because its worker died."""
        self.cut_off.append(number)

    @property
    def is_over(self) -> bool:
        """Whether every trial is settled and none is left to hand out."""
        handed_out = len(self.records) >= self._budget or self.exhausted is not None
        return handed_out and not any(map(_is_running, self.records.values()))

    def _start(self, record: TrialRecord) -> TrialTask:
        self.records[record.number] = record
        self._listener.trial_started(record)
        return TrialTask(
            number=record.number,
            architecture=self._space.decode(record.assignment),
            seed=derive_seed(self._seed, "trial", record.number),
        )

    def _is_hopeless(self) -> bool:
        """Whether at least `HOPELESS_AFTER` trials have ended since the start or resume, and all of them failed."""
        if self._failed_so_far is not None and self._failed_so_far >= HOPELESS_AFTER:
            self.exhausted = f"all of {self._failed_so_far} trials failed"
        return self.exhausted is not None

    def _settle(self, record: TrialRecord) -> None:
        self.records[record.number] = record
        failed = record.status is TrialStatus.FAILED
        if not failed:
            self._faults.went_well()
        self._failed_so_far = self._failed_so_far + 1 if failed and self._failed_so_far is not None else None
        self._listener.trial_ended(record)
        self._study.finish(record)
        self._strategy.tell(record)


def _is_running(record: TrialRecord) -> bool:
    return record.status is TrialStatus.RUNNING

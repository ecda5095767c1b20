"""The progress of a search, as the console, W&B and the report show it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from se_nas.searching.expectation import Expectation
from se_nas.searching.objectives import Objectives
from se_nas.searching.pareto import ParetoFront
from se_nas.searching.records import TrialRecord, TrialStatus


@dataclass(slots=True)
class RecordLog:
    """All records in the order in which they were added. A record replaces an earlier record of the same number."""

    entries: list[TrialRecord] = field(default_factory=list)

    def records(self, length: int) -> tuple[TrialRecord, ...]:
        """The last record of each number among the first `length` entries."""
        return tuple({record.number: record for record in self.entries[:length]}.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchProgress:
    """The state of a search after the first `length` entries of its log.

    `counts` is the number of trials by status. `reference` is the reference point of the hypervolume, fixed for a
    search. The hypervolume is in the units of the objectives: accuracy times costs. It is the hypervolume of observed
    values, also where the front counts with expected ones, so that it never falls.
    """

    log: RecordLog
    length: int
    counts: Mapping[TrialStatus, int]
    front: ParetoFront
    hypervolume: float
    reference: tuple[float, ...]
    budget: int

    @property
    def records(self) -> tuple[TrialRecord, ...]:
        """All records of this state. The time grows with the length of the log."""
        return self.log.records(self.length)

    @property
    def objectives(self) -> Objectives:
        """The objectives that the search optimises."""
        return self.front.objectives

    def count(self, status: TrialStatus) -> int:
        """The number of trials with this status."""
        return self.counts.get(status, 0)

    @property
    def ended(self) -> int:
        """The number of trials that are complete, pruned or failed."""
        return sum(self.counts.values()) - self.count(TrialStatus.RUNNING)

    @property
    def hypervolume_share(self) -> float:
        """The hypervolume as a fraction of the hypervolume of a perfect network at no cost."""
        box = 1.0
        for value in self.reference[1:]:
            box *= value
        return self.hypervolume / ((1 - self.reference[0]) * box)

    def with_record(self, record: TrialRecord, before: TrialStatus | None) -> "SearchProgress":
        """The progress after one more record. `before` is the trial's earlier status, None for a new trial.

        The time does not grow with the length of the log.
        """
        assert self.length == len(self.log.entries), "only the latest progress goes on"
        self.log.entries.append(record)
        counts = dict(self.counts)
        if before is not None:
            counts[before] -= 1
        counts[record.status] = counts.get(record.status, 0) + 1
        front = self.front.joined_by(record)
        return replace(
            self,
            length=len(self.log.entries),
            counts=counts,
            front=front,
            hypervolume=self.hypervolume if front is self.front else front.hypervolume(self.reference),
        )


def progress_of(
    records: Iterable[TrialRecord],
    objectives: Objectives,
    reference: Iterable[float],
    budget: int,
    expected: Mapping[int, Expectation] | None = None,
) -> SearchProgress:
    """Make the progress of these records, whose numbers differ. Trials count with what is `expected` of them."""
    log = RecordLog(list(records))
    noted, given = log.records(len(log.entries)), tuple(reference)
    observed = ParetoFront.of(noted, objectives)
    return SearchProgress(
        log=log,
        length=len(log.entries),
        counts=Counter(record.status for record in noted),
        front=ParetoFront.of(noted, objectives, expected) if expected else observed,
        hypervolume=observed.hypervolume(given),
        reference=given,
        budget=budget,
    )

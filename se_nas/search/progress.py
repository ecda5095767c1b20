"""How far a search is: what the console, W&B and the report tell of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from se_nas.search.objectives import Objectives
from se_nas.search.pareto import ParetoFront
from se_nas.search.records import TrialRecord, TrialStatus


@dataclass(frozen=True)
class SearchProgress:
    """All records so far, and what follows from them. `reference` is the hypervolume's, fixed for a search."""

    records: tuple[TrialRecord, ...]
    objectives: Objectives
    reference: tuple[float, ...]
    budget: int

    def count(self, status: TrialStatus) -> int:
        """Trials in that status."""
        return sum(record.status is status for record in self.records)

    @property
    def ended(self) -> int:
        """Trials that are complete, pruned or failed."""
        return len(self.records) - self.count(TrialStatus.RUNNING)

    @cached_property
    def front(self) -> ParetoFront:
        """The front of the complete trials."""
        return ParetoFront.of(self.records, self.objectives)

    @cached_property
    def hypervolume(self) -> float:
        """In the objectives' units: accuracy times costs."""
        return self.front.hypervolume(self.reference)

    @property
    def hypervolume_share(self) -> float:
        """The hypervolume as a share of what a perfect network at no cost would have."""
        box = 1.0
        for value in self.reference[1:]:
            box *= value
        return self.hypervolume / ((1 - self.reference[0]) * box)


def progress_of(
    records: Iterable[TrialRecord], objectives: Objectives, reference: Iterable[float], budget: int
) -> SearchProgress:
    """The progress that these records make."""
    return SearchProgress(tuple(records), objectives, tuple(reference), budget)

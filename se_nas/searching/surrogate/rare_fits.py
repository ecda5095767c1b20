"""Rare fits: numbers that take long to fit. They are fitted again each time an eighth more trials have ended.

The memo of the first proposal that was made with the numbers contains them. A resumed search reads them there. So it
makes the same proposals as without the interruption, in whatever order trials end.
"""

from collections.abc import Callable, Sequence

from se_nas.searching.records import Proposal, TrialRecord
from se_nas.space.decisions import Assignment

GROWTH = 8
"""Numbers are fitted again after 1 / `GROWTH` more ended trials, but at least one more."""
MEMO = "fits"
"""The key of the numbers in a memo."""


class RareFits:
    """Fitted numbers by name, each with the number of ended trials that it was fitted on."""

    def __init__(self) -> None:
        self._noted: dict[str, tuple[int, tuple[float, ...]]] = {}  # in a record
        self._newest = -1  # number of the trial with that record
        self._fitted: dict[str, tuple[int, tuple[float, ...]]] = {}  # in no record yet

    def recall(self, record: TrialRecord) -> None:
        """Take over the numbers in the record's memo, and forget numbers that no record contains."""
        self._fitted = {}
        if MEMO in record.memo and record.number >= self._newest:
            self._newest = record.number
            self._noted = {name: (ended, tuple(numbers)) for name, (ended, numbers) in record.memo[MEMO].items()}

    def numbers(self, name: str, ended: int, fit: Callable[[], Sequence[float]]) -> tuple[float, ...]:
        """The numbers of this name after `ended` trials. `fit` is called if they are missing or too old."""
        kept = self._fitted.get(name) or self._noted.get(name)
        if kept is None or ended >= kept[0] + max(1, kept[0] // GROWTH):
            kept = self._fitted[name] = ended, tuple(map(float, fit()))
        return kept[1]

    def proposal(self, assignment: Assignment) -> Proposal:
        """The proposal of this assignment. Its memo contains all numbers if some of them are in no record yet."""
        if not self._fitted:
            return Proposal(assignment=assignment)
        memo = {name: [ended, list(numbers)] for name, (ended, numbers) in (self._noted | self._fitted).items()}
        return Proposal(assignment=assignment, memo={MEMO: memo})

"""Rare fits: numbers that take long to fit, and that are fitted anew each time an eighth more trials have ended.

They are kept in the memo of the proposal that was made with them. A resumed search reads them there, and so proposes
what it would have proposed, in whatever order trials end.
"""

from collections.abc import Callable, Sequence

from se_nas.searching.records import Proposal, TrialRecord
from se_nas.space.decisions import Assignment

GROWTH = 8
"""Numbers are fitted anew when one in so many more trials has ended, but at least one."""
MEMO = "fits"
"""The key of the numbers in a memo."""


class RareFits:
    """Fitted numbers by name, each with the number of ended trials that it was fitted on."""

    def __init__(self) -> None:
        self._noted: dict[str, tuple[int, tuple[float, ...]]] = {}  # in a record
        self._newest = -1  # the trial whose record that is
        self._fitted: dict[str, tuple[int, tuple[float, ...]]] = {}  # in no record yet

    def recall(self, record: TrialRecord) -> None:
        """Take over the numbers in the record's memo, and forget those that no record has."""
        self._fitted = {}
        if MEMO in record.memo and record.number >= self._newest:
            self._newest = record.number
            self._noted = {name: (ended, tuple(numbers)) for name, (ended, numbers) in record.memo[MEMO].items()}

    def numbers(self, name: str, ended: int, fit: Callable[[], Sequence[float]]) -> tuple[float, ...]:
        """The numbers of this name when so many trials have `ended`; `fit` is called if they are missing or too old."""
        kept = self._fitted.get(name) or self._noted.get(name)
        if kept is None or ended >= kept[0] + max(1, kept[0] // GROWTH):
            kept = self._fitted[name] = ended, tuple(map(float, fit()))
        return kept[1]

    def proposal(self, assignment: Assignment) -> Proposal:
        """The proposal of this assignment, with all numbers in its memo if some are in no record yet."""
        if not self._fitted:
            return Proposal(assignment=assignment)
        memo = {name: [ended, list(numbers)] for name, (ended, numbers) in (self._noted | self._fitted).items()}
        return Proposal(assignment=assignment, memo={MEMO: memo})

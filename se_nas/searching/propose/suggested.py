"""Suggested: given networks, in their order, and the proposals of another strategy between them and after them."""

from collections.abc import Callable, Container, Sequence

from se_nas.searching.candidates import Inspection
from se_nas.searching.propose.strategy import SearchStrategy
from se_nas.searching.records import Proposal, TrialRecord
from se_nas.space.decisions import Assignment


class Suggested:
    """Proposes the given networks that were not tried yet, in their turns, and else what another strategy proposes.

    The other strategy learns from every record.
    """

    def __init__(
        self,
        suggested: Sequence[Assignment],
        then: SearchStrategy,
        inspect: Callable[[Assignment], Inspection | None],
        *,
        turns: Container[int] | None = None,
    ) -> None:
        """Take the networks. `inspect` returns None for a network that breaks a rule or bound, which is left out.

        `turns` are the numbers of the trials that given networks are proposed for; without it, the first trials.
        """
        seen = ((assignment, inspect(assignment)) for assignment in suggested)
        self._suggested = {each.fingerprint: assignment for assignment, each in seen if each is not None}
        self._then, self._turns = then, turns
        self._tried: set[str] = set()
        self._told: set[int] = set()
        self._asked = 0

    def ask(self) -> Proposal:
        """The next of the given networks, or a proposal of the other strategy."""
        left = [assignment for name, assignment in self._suggested.items() if name not in self._tried]
        if self._asked < len(left) and (self._turns is None or len(self._told) in self._turns):
            self._asked += 1
            return Proposal(assignment=left[self._asked - 1])
        return self._then.ask()

    def tell(self, record: TrialRecord) -> None:
        """Remember the network, and pass the record on."""
        self._tried.add(record.fingerprint)
        self._told.add(record.number)
        self._asked = 0
        self._then.tell(record)

"""The ask/tell protocol of search strategies, and the wrappers that refuse networks which should not be trained."""

from collections.abc import Callable
from random import Random
from typing import Protocol

from se_nas.searching.candidates import Inspection
from se_nas.searching.records import Proposal, TrialRecord
from se_nas.seeds import derive_seed
from se_nas.space.decisions import Assignment


class ExhaustedError(RuntimeError):
    """A strategy finds no further network to propose."""


class SearchStrategy(Protocol):
    """Proposes assignments and learns from records; it never evaluates.

    The result of `ask` depends only on the seed, the records that `tell` has received, and the number of calls of `ask`
    since the last record. So a resumed search with the same records gets the same proposals.
    """

    def ask(self) -> Proposal:
        """A proposal. If it is called again before a `tell`, another proposal. ExhaustedError if there is none."""

    def tell(self, record: TrialRecord) -> None:
        """Learn that a trial has started (running) or ended. A record replaces an earlier record of the same number."""


class Sampling:
    """Draws networks from the space and ignores all results. It is quick enough to find the last untried networks."""

    def __init__(self, sample: Callable[[Random], Assignment], *, seed: int) -> None:
        self._sample, self._seed = sample, seed
        self._told: set[int] = set()
        self._asked = 0

    def ask(self) -> Proposal:
        """Another drawn network."""
        self._asked += 1
        return Proposal(assignment=self._sample(Random(derive_seed(self._seed, "draw", len(self._told), self._asked))))

    def tell(self, record: TrialRecord) -> None:
        """Count the record. Its content changes nothing."""
        self._told.add(record.number)
        self._asked = 0


class Patient:
    """Asks at most `patience` times between two records. A caller that has refused them will refuse others."""

    def __init__(self, strategy: SearchStrategy, *, patience: int) -> None:
        self._strategy, self._patience = strategy, patience
        self._asked = 0

    def ask(self) -> Proposal:
        """The strategy's next proposal; ExhaustedError after `patience` of them."""
        if self._asked >= self._patience:
            raise ExhaustedError(f"{self._patience} proposals in a row broke a rule or bound, or were already tried")
        self._asked += 1
        return self._strategy.ask()

    def tell(self, record: TrialRecord) -> None:
        """Count from zero again, and pass the record on."""
        self._asked = 0
        self._strategy.tell(record)


class Feasible:
    """Passes on only proposals that keep all rules and bounds. A refused proposal costs no training.

    `inspect` returns None for an assignment that breaks a rule or bound.
    """

    def __init__(self, strategy: SearchStrategy, inspect: Callable[[Assignment], Inspection | None]) -> None:
        self._strategy, self._inspect = strategy, inspect

    def ask(self) -> Proposal:
        """The strategy's next feasible proposal."""
        while self._inspect((proposal := self._strategy.ask()).assignment) is None:
            pass
        return proposal

    def tell(self, record: TrialRecord) -> None:
        """Pass the record on."""
        self._strategy.tell(record)


class Unique:
    """Passes on only networks that were not tried before. Networks are compared by their fingerprints."""

    def __init__(self, strategy: SearchStrategy, fingerprint: Callable[[Assignment], str]) -> None:
        self._strategy, self._fingerprint = strategy, fingerprint
        self._seen: set[str] = set()

    def ask(self) -> Proposal:
        """The strategy's next new network."""
        while self._fingerprint((proposal := self._strategy.ask()).assignment) in self._seen:
            pass
        return proposal

    def tell(self, record: TrialRecord) -> None:
        """Remember the network and pass the record on."""
        self._seen.add(record.fingerprint)
        self._strategy.tell(record)


class Fallback:
    """Asks the second strategy if the first one is exhausted. Both learn from every record."""

    def __init__(self, first: SearchStrategy, second: SearchStrategy) -> None:
        self._first, self._second = first, second

    def ask(self) -> Proposal:
        """The proposal of the first strategy, or of the second."""
        try:
            return self._first.ask()
        except ExhaustedError:
            return self._second.ask()

    def tell(self, record: TrialRecord) -> None:
        """Pass the record on to both strategies."""
        self._first.tell(record)
        self._second.tell(record)

"""The retry policy: whether a failed training is repeated, and where. All executors share it.

too little memory          once more, with nothing beside it
killed by signal 9         the same: usually the kernel's out-of-memory killer sends it
killed as it started       the same, on another machine if there is one
killed in another way      once more, on another machine if there is one
failed in its first epoch  on every other machine before it counts
the machine lacks a thing  the same
its own error              counts at once
"""

from collections import Counter, defaultdict
from dataclasses import replace
from enum import Enum, auto

from se_nas.searching.failures import Failure, FailureKind


class Next(Enum):
    """What a failed training does next."""

    FAIL = auto()
    AGAIN = auto()
    ALONE = auto()
    ELSEWHERE = auto()


class Retries:
    """Remembers what was tried with each training. Trainings are known by their numbers."""

    def __init__(self) -> None:
        self._killed: Counter[int] = Counter()
        self._had_it_alone: set[int] = set()
        self._tried: defaultdict[int, set[str]] = defaultdict(set)

    def tried(self, number: int) -> frozenset[str]:
        """The machines on which this training has failed."""
        return frozenset(self._tried.get(number, ()))

    def after(self, number: int, failure: Failure, *, machines: frozenset[str] = frozenset()) -> Next:
        """The next step, if `machines` can take work and the training failed on `failure.node`."""
        lacks_memory = failure.kind is FailureKind.MEMORY
        as_it_started = failure.kind is FailureKind.KILLED and failure.at_once
        if lacks_memory or as_it_started or (failure.kind is FailureKind.KILLED and "SIGKILL" in failure.reason):
            if as_it_started:
                self._others(number, failure.node, machines)
            if number not in self._had_it_alone:
                self._had_it_alone.add(number)
                self._killed[number] += not lacks_memory
                return Next.ALONE
            return Next.FAIL
        if failure.kind is FailureKind.KILLED:
            self._killed[number] += 1
            if self._killed[number] > 1:
                return Next.FAIL
            return Next.ELSEWHERE if self._others(number, failure.node, machines) else Next.AGAIN
        if failure.kind is FailureKind.PLACE or failure.at_once:
            return Next.ELSEWHERE if self._others(number, failure.node, machines) else Next.FAIL
        return Next.FAIL

    def told(self, number: int, failure: Failure) -> Failure:
        """The failure with what was tried before it counted."""
        if number in self._had_it_alone and failure.kind is not FailureKind.NETWORK:
            return replace(failure, reason=f"{failure.reason}, also with nothing beside it")
        if self._killed[number] > 1:
            return replace(failure, reason=f"{failure.reason}, twice")
        if len(self._tried.get(number, ())) > 1:
            return replace(failure, reason=f"{failure.reason}, on each of {len(self._tried[number])} machines")
        return failure

    def _others(self, number: int, node: str, machines: frozenset[str]) -> bool:
        """Note that the training was tried on `node`; return whether a machine is left where it was not. False if it
        has failed on one machine twice: then Ray cannot place it elsewhere."""
        if node in self._tried[number]:
            return False
        if node:
            self._tried[number].add(node)
        return bool(machines - self._tried[number])

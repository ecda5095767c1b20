"""The retry policy: whether a failed training is repeated, and where. All executors share it.

too little memory          once more, with no other training at the same time
killed by signal 9         the same: usually the kernel's out-of-memory killer sends this signal
killed as it started       the same, on another machine if there is one
killed in another way      once more, on another machine if there is one
failed in its first epoch  once on every other machine, before the failure counts
the machine lacks a thing  the same
its own error              never: the failure counts at once
"""

import signal
from collections import Counter, defaultdict
from dataclasses import replace
from enum import Enum, auto

from se_nas.searching.failures import Failure, FailureKind


class Next(Enum):
    """The next step of a failed training."""

    FAIL = auto()
    AGAIN = auto()
    ALONE = auto()
    ELSEWHERE = auto()


class Retries:
    """Remembers what was tried with each training. A training is identified by its number."""

    def __init__(self) -> None:
        self._killed: Counter[int] = Counter()
        self._had_it_alone: set[int] = set()
        self._tried: defaultdict[int, set[str]] = defaultdict(set)

    def tried(self, number: int) -> frozenset[str]:
        """The machines on which this training has failed."""
        return frozenset(self._tried.get(number, ()))

    def after(self, number: int, failure: Failure, *, machines: frozenset[str] = frozenset()) -> Next:
        """The next step of a training that failed on `failure.node`, if `machines` can take work."""
        lacks_memory = failure.kind is FailureKind.MEMORY
        as_it_started = failure.kind is FailureKind.KILLED and failure.at_once
        if lacks_memory or as_it_started or failure.signal == signal.SIGKILL:
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

    def with_attempts(self, number: int, failure: Failure) -> Failure:
        """The failure, with a note of what was tried before it counted."""
        if number in self._had_it_alone and failure.kind is not FailureKind.NETWORK:
            return replace(failure, reason=f"{failure.reason}, also when trained alone")
        if self._killed[number] > 1:
            return replace(failure, reason=f"{failure.reason}, twice")
        if len(self._tried.get(number, ())) > 1:
            return replace(failure, reason=f"{failure.reason}, on each of {len(self._tried[number])} machines")
        return failure

    def _others(self, number: int, node: str, machines: frozenset[str]) -> bool:
        """Note that the training was tried on `node`, and return whether an untried machine is left.

        False if it has failed on one machine twice: then Ray cannot place it elsewhere.
        """
        if node in self._tried[number]:
            return False
        if node:
            self._tried[number].add(node)
        return bool(machines - self._tried[number])

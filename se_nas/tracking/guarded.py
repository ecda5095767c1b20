"""What may fail or hang without harm: it is told everything in a thread of its own, which nobody waits for.

What is told is kept, so that a teller that fails, or is not done in time at the end, can be replaced by another that is
told all of it again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from typing import Generic, TypeVar

from se_nas.search.progress import SearchProgress
from se_nas.search.records import TrialRecord
from se_nas.tracking.protocol import SearchOutcome, Tracker

T = TypeVar("T")

PATIENCE_SECONDS = 20.0
HURRIED_SECONDS = 3.0
INSTEAD_SECONDS = 10.0
"""For a first teller to end, for one to end when the program is being left, and for the one in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Teller(Generic[T]):
    """How to build one, how to end it so that a call that hangs raises, and what is said when it has failed."""

    build: Callable[[], T]
    end: Callable[[], None]
    farewell: str


class Guard(Generic[T]):
    """Calls the first of `tellers` until it fails, then the next, from the first call on; `tell` gets a line each time.

    Without tellers, nothing is ever called.
    """

    def __init__(self, *tellers: Teller[T], name: str, tell: Callable[[str], None]) -> None:
        self._tellers, self._name, self._tell = tellers, name, tell
        self._calls: SimpleQueue[Callable[[T], None] | None] = SimpleQueue()
        self._current = 0
        self._thread = Thread(target=self._work, daemon=True)
        if tellers:
            self._thread.start()

    def attempt(self, call: Callable[[T], None]) -> None:
        """Have it called some time, after all that was asked before."""
        if self._current < len(self._tellers):
            self._calls.put(call)

    def close(self, last: Callable[[T], None], *, hurried: bool = False) -> None:
        """Call `last` and wait until all is told: 20 seconds, then 10 for one in its place; if hurried, 3 each."""
        self.attempt(last)
        self._calls.put(None)
        seconds = HURRIED_SECONDS if hurried else PATIENCE_SECONDS
        for number in range(self._current, len(self._tellers)):
            self._thread.join(seconds)
            if not self._thread.is_alive():
                return
            if self._current == number:
                self._tellers[number].end()
            seconds = min(seconds, INSTEAD_SECONDS)
        if self._thread.is_alive():
            self._current = len(self._tellers)
            self._tell(f"{self._name} does not end and is left alone; everything else is done")

    def _work(self) -> None:
        told: list[Callable[[T], None]] = []
        while self._current < len(self._tellers):
            try:
                teller = self._tellers[self._current].build()
                for call in told:
                    call(teller)
                while (asked := self._calls.get()) is not None:
                    told.append(asked)
                    asked(teller)
                return
            except BaseException as error:  # noqa: BLE001 - it only tells; the work goes on
                reason = " ".join(str(error).split())[:200] or type(error).__name__
                failed = self._tellers[self._current]
                failed.end()
                self._current += 1
                self._tell(f"{self._name} failed ({reason}); {failed.farewell}")


class GuardedTracker:
    """A tracker behind a guard."""

    def __init__(self, guard: Guard[Tracker]) -> None:
        self._guard = guard

    def trial_started(self, record: TrialRecord, progress: SearchProgress) -> None:
        """Pass on."""
        self._guard.attempt(lambda tracker: tracker.trial_started(record, progress))

    def trial_ended(self, record: TrialRecord, progress: SearchProgress) -> None:
        """Pass on."""
        self._guard.attempt(lambda tracker: tracker.trial_ended(record, progress))

    def search_ended(self, progress: SearchProgress, outcome: SearchOutcome) -> None:
        """Pass on."""
        self._guard.attempt(lambda tracker: tracker.search_ended(progress, outcome))

    def close(self, *, hurried: bool = False) -> None:
        """Pass on, and wait for all that was told."""
        self._guard.close(lambda tracker: tracker.close(hurried=hurried), hurried=hurried)

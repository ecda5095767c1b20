"""What may fail or hang without harm: it is told everything in a thread of its own, which nobody waits for.

What is told is kept, so that a teller that fails, or is not done in time at the end, can be replaced by another that is
told all of it from the beginning.
"""

import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Generic, TypeVar

from se_nas.search.progress import SearchProgress
from se_nas.search.records import TrialRecord
from se_nas.tracking.protocol import SearchOutcome, Tracker
from se_nas.wording import printable

T = TypeVar("T")

PATIENCE_SECONDS = 20.0
"""For the first teller to end."""
INSTEAD_SECONDS = 10.0
"""For one in its place, and a tenth of a second for each call that it is told."""
HURRIED_SECONDS = 3.0
"""For either, when the program is being left."""


def is_leaving(error: BaseException | None) -> bool:
    """Whether this is ctrl-C or SIGTERM, not a failure."""
    return error is not None and not isinstance(error, Exception)


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
        self._name, self._tell = name, tell
        self._others = list(tellers)
        self._calls: list[Callable[[T], None] | None] = []  # None is the end
        self._lock = Lock()
        self._current: _Telling[T] | None = None
        self._begin_next()

    def attempt(self, call: Callable[[T], None]) -> None:
        """Have it called some time, after all that was asked before."""
        self._ask(call)

    def close(self, last: Callable[[T], None], *, hurried: bool = False) -> None:
        """Call `last`, and wait for a limited time until all is told."""
        self._ask(last)
        self._ask(None)
        seconds = HURRIED_SECONDS if hurried else PATIENCE_SECONDS
        while (telling := self._current) is not None:
            telling.thread.join(seconds)
            if telling.thread.is_alive():
                self._replace(telling, f"not done within {seconds:.0f} seconds")
            elif telling is self._current:
                return
            seconds = HURRIED_SECONDS if hurried else INSTEAD_SECONDS + 0.1 * len(self._calls)

    def _ask(self, call: Callable[[T], None] | None) -> None:
        with self._lock:
            if self._current is not None:
                self._calls.append(call)
                self._current.calls.put(call)

    def _replace(self, failed: "_Telling[T]", reason: str) -> None:
        """End it and begin the next, unless that was done already."""
        with self._lock:
            if failed is not self._current:
                return
            with contextlib.suppress(Exception):  # it has failed already
                failed.teller.end()
            self._begin_next()
        self._tell(f"{self._name} failed ({printable(reason)}); {failed.teller.farewell}")

    def _begin_next(self) -> None:
        self._current = _Telling(self._others.pop(0), self._replace) if self._others else None
        if self._current is not None:
            for call in self._calls:
                self._current.calls.put(call)
            self._current.thread.start()


class _Telling(Generic[T]):
    """A teller at work; `replace` is told of its failure."""

    def __init__(self, teller: Teller[T], replace: "Callable[[_Telling[T], str], None]") -> None:
        self.teller, self._replace = teller, replace
        self.calls: SimpleQueue[Callable[[T], None] | None] = SimpleQueue()
        self.thread = Thread(target=self._work, daemon=True)

    def _work(self) -> None:
        try:
            built = self.teller.build()
            while (call := self.calls.get()) is not None:
                call(built)
        except BaseException as error:  # noqa: BLE001 - it only tells; the work goes on
            self._replace(self, " ".join(str(error).split())[:200] or type(error).__name__)


class GuardedTracker:
    """A tracker behind a guard. It hears of no trial's start, of which none that may fail has anything to tell."""

    def __init__(self, guard: Guard[Tracker]) -> None:
        self._guard = guard

    def trial_started(self, record: TrialRecord, progress: SearchProgress) -> None:
        """Nothing."""

    def trial_ended(self, record: TrialRecord, progress: SearchProgress) -> None:
        """Pass on."""
        self._guard.attempt(lambda tracker: tracker.trial_ended(record, progress))

    def search_ended(self, progress: SearchProgress, outcome: SearchOutcome) -> None:
        """Pass on."""
        self._guard.attempt(lambda tracker: tracker.search_ended(progress, outcome))

    def close(self) -> None:
        """Pass on, and wait for all that was told; not for long where the search is being left."""
        self._guard.close(lambda tracker: tracker.close(), hurried=is_leaving(sys.exception()))

"""Runs trackers that may fail or hang in a thread of their own, so that the search does not wait for them.

That thread imports and draws nothing that another thread may use: a module that is half imported in one thread breaks
the other (pandas through plotly). The thread that calls the guard imports the modules and draws the figures.

The guard keeps all calls. If a reporter fails, or is not done in time at the end, another reporter replaces it and gets
all calls from the beginning.
"""

import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Generic, TypeVar

from se_nas.searching.progress import SearchProgress
from se_nas.searching.records import TrialRecord
from se_nas.tracking.live_front import LiveFront
from se_nas.tracking.protocol import SearchOutcome, Tracker
from se_nas.wording import printable

T = TypeVar("T")

PATIENCE_SECONDS = 20.0
"""The longest wait for the first reporter to end."""
INSTEAD_SECONDS = 10.0
"""The longest wait for a reporter that replaces it, plus a tenth of a second for each call."""
HURRIED_SECONDS = 3.0
"""The longest wait for either reporter when the program is interrupted."""


def is_leaving(error: BaseException | None) -> bool:
    """Whether `error` is ctrl-C or SIGTERM, not a failure."""
    return error is not None and not isinstance(error, Exception)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter(Generic[T]):
    """A reporter that may fail: how to build it, how to end it so that a hanging call raises, and its last line."""

    build: Callable[[], T]
    end: Callable[[], None]
    farewell: str


class Guard(Generic[T]):
    """Calls the first of `reporters`. If it fails, the next gets all calls again; `print_line` gets a line each time.

    `prepare` imports the modules that the reporters need. `begin` calls it once, before their thread starts. Without
    reporters, nothing is ever called.
    """

    def __init__(
        self,
        *reporters: Reporter[T],
        name: str,
        print_line: Callable[[str], None],
        prepare: Callable[[], None] = lambda: None,
    ) -> None:
        self._name, self._print_line, self._prepare = name, print_line, prepare
        self._has_begun = False
        self._others = list(reporters)
        self._calls: list[Callable[[T], None] | None] = []  # None is the end
        self._lock = Lock()
        self._current: _Running[T] | None = None

    def begin(self) -> None:
        """Prepare in this thread, then build the first reporter in its own thread. The first `attempt` begins too."""
        if self._has_begun or not self._others:
            return
        self._has_begun = True
        try:
            self._prepare()
        except Exception as error:  # noqa: BLE001 - it only reports; the work continues
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            self._print_line(f"{self._name} failed ({printable(reason[:200])}); {self._others[-1].farewell}")
            return
        self._begin_next()

    def attempt(self, call: Callable[[T], None]) -> None:
        """Queue a call, which runs after all earlier calls."""
        self._ask(call)

    def close(self, last: Callable[[T], None], *, hurried: bool = False) -> None:
        """Queue `last`, and wait for a limited time until all calls have run. `hurried`: begin nothing for it."""
        if hurried and not self._has_begun:
            return
        self._ask(last)
        self._ask(None)
        seconds = HURRIED_SECONDS if hurried else PATIENCE_SECONDS
        while (running := self._current) is not None:
            running.thread.join(seconds)
            if running.thread.is_alive():
                self._replace(running, f"not done within {seconds:.0f} seconds")
            elif running is self._current:
                return
            seconds = HURRIED_SECONDS if hurried else INSTEAD_SECONDS + 0.1 * len(self._calls)

    def _ask(self, call: Callable[[T], None] | None) -> None:
        self.begin()
        with self._lock:
            if self._current is not None:
                self._calls.append(call)
                self._current.calls.put(call)

    def _replace(self, failed: "_Running[T]", reason: str) -> None:
        """End the failed reporter and begin the next, unless this was done already."""
        with self._lock:
            if failed is not self._current:
                return
            with contextlib.suppress(Exception):  # it has failed already
                failed.reporter.end()
            self._begin_next()
        self._print_line(f"{self._name} failed ({printable(reason)}); {failed.reporter.farewell}")

    def _begin_next(self) -> None:
        self._current = _Running(self._others.pop(0), self._replace) if self._others else None
        if self._current is not None:
            for call in self._calls:
                self._current.calls.put(call)
            self._current.thread.start()


class _Running(Generic[T]):
    """A reporter at work. `replace` is called if it fails."""

    def __init__(self, reporter: Reporter[T], replace: "Callable[[_Running[T], str], None]") -> None:
        self.reporter, self._replace = reporter, replace
        self.calls: SimpleQueue[Callable[[T], None] | None] = SimpleQueue()
        self.thread = Thread(target=self._work, name="guarded", daemon=True)

    def _work(self) -> None:
        try:
            built = self.reporter.build()
            while (call := self.calls.get()) is not None:
                call(built)
        except BaseException as error:  # noqa: BLE001 - it only reports; the work continues
            self._replace(self, " ".join(str(error).split())[:200] or type(error).__name__)


class GuardedTracker:
    """A tracker behind a guard. The tracker gets no start of a trial.

    The live figure of the front is drawn here, in the caller's thread. The tracker takes it from `live`.
    """

    def __init__(self, guard: Guard[Tracker], live: LiveFront) -> None:
        self._guard, self._live = guard, live
        self._started = 0

    def trial_started(self, record: TrialRecord, progress: SearchProgress) -> None:
        """Begin with the second trial, so that the start of the search does not wait for imports.

        If trials run side by side, the first worker starts meanwhile.
        """
        self._started += 1
        if self._started > 1:
            self._guard.begin()

    def trial_ended(self, record: TrialRecord, progress: SearchProgress) -> None:
        """Draw the front if it is due, and pass the trial on."""
        self._live.look_at(progress)
        self._guard.attempt(lambda tracker: tracker.trial_ended(record, progress))

    def search_ended(self, progress: SearchProgress, outcome: SearchOutcome) -> None:
        """Pass the outcome on."""
        self._guard.attempt(lambda tracker: tracker.search_ended(progress, outcome))

    def close(self) -> None:
        """Close the tracker, and wait for all calls; only briefly if the search is interrupted."""
        self._guard.close(lambda tracker: tracker.close(), hurried=is_leaving(sys.exception()))

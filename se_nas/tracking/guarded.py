"""What may fail without harm: its first error is told in a line, and it is not called again."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import Generic, TypeVar

from se_nas.search.progress import SearchProgress
from se_nas.search.records import TrialRecord
from se_nas.tracking.protocol import SearchOutcome, Tracker

T = TypeVar("T")


class Guard(Generic[T]):
    """Builds a teller, and gives it up with its first error; `tell` gets the line that says so.

    It is built beside the work that goes on meanwhile; the first `attempt` waits for it. Without a `build`, nothing is
    ever called.
    """

    def __init__(self, build: Callable[[], T] | None, *, name: str, tell: Callable[[str], None]) -> None:
        self._teller = _in_background(build) if build is not None else None
        self._name, self._tell = name, tell

    @property
    def is_in_use(self) -> bool:
        """Whether it was built and has not failed."""
        return self._teller is not None and self._teller.done() and self._teller.exception() is None

    def attempt(self, call: Callable[[T], None]) -> None:
        """Call, unless it failed before."""
        if self._teller is None:
            return
        try:
            call(self._teller.result())
        except Exception as error:  # noqa: BLE001 - it only tells; the work goes on
            self._teller = None
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            self._tell(f"{self._name} failed and is off from here ({reason}); everything else goes on")


def _in_background(build: Callable[[], T]) -> Future[T]:
    """What `build` returns, once it does. Whoever leaves before does not wait for it."""
    built: Future[T] = Future()

    def fill() -> None:
        try:
            built.set_result(build())
        except Exception as error:  # noqa: BLE001 - raised again where the result is asked for
            built.set_exception(error)
        except BaseException as error:  # noqa: BLE001 - nothing that is built here may end the program
            built.set_exception(RuntimeError(f"{type(error).__name__}: {error}"))

    Thread(target=fill, daemon=True).start()
    return built


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

    def close(self) -> None:
        """Pass on, if there is anything to close."""
        if self._guard.is_in_use:
            self._guard.attempt(lambda tracker: tracker.close())

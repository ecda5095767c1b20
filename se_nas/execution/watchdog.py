"""A watchdog: its thread watches for problems and raises an error in the main thread, which may hang otherwise."""

import contextlib
import ctypes
import sys
import threading
import time
from collections.abc import Callable, Iterator

from se_nas.errors import RunFailedError
from se_nas.process import exit_codes, last_resort, last_words

PATIENCE_SECONDS = 10.0
"""The time that the watched thread has to react. After that, the watchdog ends the process."""
AGAIN_SECONDS = 0.1
"""The time between two checks whether the watched thread has reacted."""
STOP_SECONDS = 0.5
"""The delay before a problem is raised. A signal to the whole process group ends the watched thing first, and the
watched thread notices the signal a moment later."""


class WatchdogError(RunFailedError):
    """The watched thing has a problem, which the message describes."""


class _Bark(BaseException):
    """The exception that is raised in the watched thread. No `except Exception` on its way catches it."""


@contextlib.contextmanager
def watched(
    problem: Callable[[], str | None],
    *,
    every: float,
    patience: float = PATIENCE_SECONDS,
    last: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    """Call `problem` every `every` seconds, and raise WatchdogError in this thread as soon as it returns a problem.

    A thread that is stuck outside Python receives no exception. So after `patience` seconds, `last` is called, one line
    is printed, and the process ends with exit code 3. After a request to stop, a problem only ends the stop sooner:
    KeyboardInterrupt is raised instead. The stop has its own time limit.
    """
    watch = _Watch(problem, every=every, patience=patience, last=last)
    with _noticed(watch.dropped):
        threading.Thread(target=watch.run, daemon=True).start()
        try:
            try:
                yield
            finally:
                watch.end()
        except _Bark:
            watch.done.set()
            if last_resort.stop_asked.is_set():
                raise KeyboardInterrupt from None
            raise WatchdogError(watch.found) from None


class _Watch:
    """What the watching thread, which executes `run`, shares with the thread that made this object.

    `done` is set at the end of the watch. `found` is the problem, and `dropped` is set if Python dropped the exception
    that was raised for it.
    """

    def __init__(
        self, problem: Callable[[], str | None], *, every: float, patience: float, last: Callable[[], None]
    ) -> None:
        self._problem, self._every, self._patience, self._last = problem, every, patience, last
        self._watched = threading.get_ident()
        self._ending = threading.Lock()
        self.done, self.dropped = threading.Event(), threading.Event()
        self.found = ""

    def end(self) -> None:
        """End the watch. Nothing is raised in the watched thread after this."""
        with self._ending:
            self.done.set()

    def run(self) -> None:
        """Wait for a problem or for the end of the watch. After a problem, end the process if no thread reacts."""
        while not self.done.wait(self._every):
            if (found := self._problem()) is not None:
                break
        else:
            return
        if self.done.wait(STOP_SECONDS):
            return
        self.found = found
        self._bark()
        ends = time.monotonic() + self._patience
        while not self.done.wait(min(AGAIN_SECONDS, self._patience)):
            if last_resort.stop_asked.is_set():
                return
            if self.dropped.is_set():
                self.dropped.clear()
                self._bark()
            if time.monotonic() > ends:
                last_words.say(found)
                self._last()
                last_resort.leave(found, exit_codes.FAILED)

    def _bark(self) -> None:
        with self._ending:
            if not self.done.is_set():
                _raise_in(self._watched)


@contextlib.contextmanager
def _noticed(dropped: threading.Event) -> Iterator[None]:
    """Set `dropped` if Python drops a `_Bark`, so that it is raised again.

    Python drops and prints an exception that is raised in a destructor or in the callback of a weak reference.
    """
    before = sys.unraisablehook

    def notice(lost: "sys.UnraisableHookArgs") -> None:
        if isinstance(lost.exc_value, _Bark):
            dropped.set()
        else:
            before(lost)

    sys.unraisablehook = notice
    try:
        yield
    finally:
        if sys.unraisablehook is notice:  # a stop installs its own hook
            sys.unraisablehook = before


def _raise_in(thread: int) -> None:
    """Raise a `_Bark` in a thread: https://docs.python.org/3/c-api/threads.html#c.PyThreadState_SetAsyncExc"""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(_Bark))

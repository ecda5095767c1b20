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
    found: list[str] = []
    done, dropped, ending = threading.Event(), threading.Event(), threading.Lock()
    watched_thread = threading.get_ident()

    def bark() -> None:
        with ending:  # nothing is raised into the code after the body
            if not done.is_set():
                _raise_in(watched_thread)

    def watch() -> None:
        while not done.wait(every):
            if (said := problem()) is None:
                continue
            if done.wait(STOP_SECONDS):
                return
            found.append(said)
            bark()
            ends = time.monotonic() + patience
            while not done.wait(min(AGAIN_SECONDS, patience)):
                if last_resort.stop_asked.is_set():
                    return
                if dropped.is_set():
                    dropped.clear()
                    bark()
                if time.monotonic() > ends:
                    last_words.say(said)
                    last()
                    last_resort.leave(said, exit_codes.FAILED)
            return

    with _noticed(dropped):
        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            try:
                yield
            finally:
                with ending:
                    done.set()
        except _Bark:
            done.set()
            if last_resort.stop_asked.is_set():
                raise KeyboardInterrupt from None
            raise WatchdogError(found[0]) from None


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

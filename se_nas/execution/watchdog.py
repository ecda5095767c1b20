"""Watches from a thread of its own, and raises where the main thread works: for what would otherwise hang for ever."""

import contextlib
import ctypes
import sys
import threading
import time
from collections.abc import Callable, Iterator

from se_nas.errors import RunFailedError
from se_nas.process import last_resort, last_words

PATIENCE_SECONDS = 10.0
"""After which a thread that does not react takes its process down."""
AGAIN_SECONDS = 0.1
"""Between two looks whether the watched thread has reacted."""
STOP_SECONDS = 0.5
"""How long a problem waits to be told: a signal to the whole process group ends what is watched first, and is then
noticed by the watched thread."""


class WatchdogError(RunFailedError):
    """What was watched has come to a bad end; the message says which."""


class _Bark(BaseException):
    """Raised into the watched thread: no `except Exception` on the way takes it for its own."""


@contextlib.contextmanager
def watched(
    problem: Callable[[], str | None],
    *,
    every: float,
    patience: float = PATIENCE_SECONDS,
    last: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    """Ask for a `problem` every `every` seconds; raise WatchdogError in this thread as soon as there is one.

    A thread that is stuck outside Python takes no error: after `patience` seconds `last` is called, and the
    process ends with exit code 3 and a line. After a request to stop, a problem only ends the stop sooner, and
    KeyboardInterrupt is raised in its place; the stop has its own time limit.
    """
    found: list[str] = []
    done, dropped, ending = threading.Event(), threading.Event(), threading.Lock()
    watched_thread = threading.get_ident()

    def bark() -> None:
        with ending:  # nothing is raised into what comes after
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
                    last_resort.leave(said, 3)
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
    """Python drops and prints an exception that falls into a destructor or the callback of a weak reference. A `_Bark`
    is not printed but noticed, to be raised again."""
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
        if sys.unraisablehook is notice:  # a stop puts its own in place
            sys.unraisablehook = before


def _raise_in(thread: int) -> None:
    """https://docs.python.org/3/c-api/threads.html#c.PyThreadState_SetAsyncExc"""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(_Bark))

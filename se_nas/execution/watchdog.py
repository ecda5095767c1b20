"""Watches from a thread of its own, and raises where the main thread works: for what would otherwise hang for ever."""

import contextlib
import ctypes
import os
import threading
from collections.abc import Callable, Iterator

from se_nas import last_words
from se_nas.errors import RunFailedError

PATIENCE_SECONDS = 10.0
"""After which a thread that does not react takes its process down."""


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
    """Ask for a `problem` every so many seconds; WatchdogError in this thread as soon as there is one.

    A thread that is stuck outside Python cannot be raised into: after `patience` seconds `last` is called, and the
    process ends with exit code 3 and a line.
    """
    found: list[str] = []
    done, ending = threading.Event(), threading.Lock()
    watched_thread = threading.get_ident()

    def watch() -> None:
        while not done.wait(every):
            if (said := problem()) is not None:
                with ending:  # nothing is raised into what comes after
                    if done.is_set():
                        return
                    found.append(said)
                    _raise_in(watched_thread)
                if not done.wait(patience):
                    last_words.say(said)
                    last_words.farewell()
                    with contextlib.suppress(OSError):  # nobody may be there to read it
                        os.write(2, f"{said}; everything finished is kept, and the run can be resumed\n".encode())
                    last()
                    os._exit(3)
                return

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
        raise WatchdogError(found[0]) from None


def _raise_in(thread: int) -> None:
    """https://docs.python.org/3/c-api/threads.html#c.PyThreadState_SetAsyncExc"""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(_Bark))

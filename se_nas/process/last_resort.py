"""The end of a process whose main thread cannot end it, because it hangs outside Python or takes too long to stop."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from typing import NoReturn

from se_nas.process import last_words, streams

DUE_SECONDS = 5.0
"""The time that all `due` functions may take together: the main thread may hold a lock that they wait for."""

stop_asked = threading.Event()
"""Set as soon as a signal asks this process to stop. A loss after that is part of the stop, not a fault."""

_due: list[Callable[[], None]] = []


@contextlib.contextmanager
def due(deed: Callable[[], None]) -> Iterator[None]:
    """Let `leave` call `deed` first, in a separate thread, while the body runs. Errors of `deed` are dropped."""
    _due.append(deed)
    try:
        yield
    finally:
        _due.remove(deed)


def leave(message: str, code: int) -> NoReturn:
    """End this process from any thread: call all `due` functions, print one line that says how to go on, and exit."""
    doing = threading.Thread(target=_do_what_is_due, daemon=True)
    doing.start()
    doing.join(DUE_SECONDS)
    line = last_words.line_of(message)
    last_words.farewell()
    streams.print_at_once(line)
    os._exit(code)


def _do_what_is_due() -> None:
    for deed in _due[::-1]:
        with contextlib.suppress(Exception):
            deed()

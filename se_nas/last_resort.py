"""How a process ends whose main thread cannot end it, because it hangs outside Python or takes too long to stop."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from typing import NoReturn

from se_nas import last_words

DUE_SECONDS = 5.0
"""How long the deeds that are due may take together: the main thread may hold what they wait for."""

stop_asked = threading.Event()
"""Set as soon as somebody asks this process to stop. What is lost after that is part of the stop, and no fault."""

_due: list[Callable[[], None]] = []


@contextlib.contextmanager
def due(deed: Callable[[], None]) -> Iterator[None]:
    """While the body runs, `leave` does this deed first. It runs in a thread of its own, and its errors are dropped."""
    _due.append(deed)
    try:
        yield
    finally:
        _due.remove(deed)


def leave(message: str, code: int) -> NoReturn:
    """End this process from any thread: do what is due, print one line that says how to go on, and exit."""
    doing = threading.Thread(target=_do_what_is_due, daemon=True)
    doing.start()
    doing.join(DUE_SECONDS)
    line = last_words.line_of(message)
    last_words.farewell()
    with contextlib.suppress(OSError):  # nobody may be there to read it
        os.write(2, f"{line}\n".encode(errors="replace"))
    os._exit(code)


def _do_what_is_due() -> None:
    for deed in _due[::-1]:
        with contextlib.suppress(Exception):
            deed()

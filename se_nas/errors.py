"""Errors with a message for the user, and the rule that decides which of two errors is shown."""

import contextlib
from collections.abc import Callable, Iterator


class InputError(ValueError):
    """An input of the user cannot be used. The message is one line that says what would be right.

    The launch scripts print the line and exit with code 2, without a traceback.
    """


class ImageTooSmallError(InputError):
    """A map in a network has too few pixels for the layer behind it, because the image is too small for the strides."""


class MissingPartError(InputError):
    """A latency table has no time for a part of a network."""


class RunFailedError(RuntimeError):
    """A run could not produce its result. The launch scripts print the line and exit with code 3."""


class WriteError(RunFailedError):
    """A file of a run could not be written: the disk is full, or this process has no permission to write."""


@contextlib.contextmanager
def at_the_end(close: Callable[[], None]) -> Iterator[None]:
    """Call `close` when the body has ended. If both fail, raise the error of the body, with the other as a note."""
    try:
        yield
    except BaseException as error:
        try:
            close()
        except Exception as second:  # noqa: BLE001 - the first error is the cause
            is_plain = isinstance(second, (InputError, RunFailedError))
            error.add_note(str(second) if is_plain else f"{type(second).__name__}: {second}")
        raise
    close()

"""The standard streams of a script. A stream that cannot be written does not end the work.

If a stream is closed, or its device is full or gone, its output is dropped. If its encoding lacks a character, a plain
one replaces it. A reader that goes away (`| head -1`) still ends a script, as its user has asked.

Libraries written in C++ print to descriptor 2 whatever Python's streams are. So `sys.stderr` gets a descriptor of its
own, and descriptor 2 can be sent elsewhere (`native_errors_to`).
"""

import codecs
import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from se_nas.process import last_words

PLAIN = "se_nas.plain"
"""The name of the error handler."""

STAND_INS = {
    "·": ".",
    "–": "-",
    "—": "-",
    "×": "x",
    "±": "+/-",
    "→": "->",
    "…": "...",
    "≤": "<=",
    "≥": ">=",
    "μ": "u",
    "µ": "u",
    "²": "2",
    "°": " degrees",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "•": "*",
    **dict.fromkeys("─━═╌╍┄┅╴╶╸╺╼╾", "-"),
    **dict.fromkeys("│┃║╎╏┆┇╵╷╹╻", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯╔╗╚╝╠╣╦╩╬┏┓┗┛┣┫┳┻╋┡┩┠┨┯┷┿╇╈", "+"),
}


class Output(io.TextIOWrapper):
    """Writes to a standard stream. If its file cannot be written, `error` has the reason, and the rest is dropped.

    With `is_read`, BrokenPipeError is raised if the reader is gone.
    """

    def __init__(self, stream: Any, buffer: Any, *, is_read: bool) -> None:
        """Replace `stream` by one that writes to `buffer`; keep its encoding."""
        super().__init__(
            buffer,
            encoding=stream.encoding,
            errors=PLAIN,
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )
        self._is_read = is_read
        self.error: OSError | None = None

    def write(self, text: str) -> int:
        """Write, and return the number of characters."""
        try:
            return super().write(text)
        except OSError as error:
            self._drop(error)
            return len(text)

    def flush(self) -> None:
        """Write the buffer to the file."""
        try:
            super().flush()
        except OSError as error:
            self._drop(error)

    def _drop(self, error: OSError) -> None:
        """Send the buffer, and all later output, to the null device."""
        if self._is_read and isinstance(error, BrokenPipeError):
            raise error
        self.error = self.error or error
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self.fileno())
        os.close(null)
        super().flush()


def endure() -> None:
    """Replace `sys.stdout` and `sys.stderr` by streams that never fail. Streams that the caller has replaced stay.

    A closed stream is opened on the null device first, so that no file of the run gets its number: a library would
    print into that file.
    """
    codecs.register_error(PLAIN, stand_in)
    for descriptor in range(3):
        _occupy(descriptor)
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        stream: TextIO | None = getattr(sys, name)
        if stream is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8", errors=PLAIN))  # noqa: PTH123, SIM115 - for good
        elif name != "stdin" and stream is getattr(sys, f"__{name}__"):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
            os.set_blocking(descriptor, True)  # another program that has the same pipe may have changed it
            is_read = name == "stdout"
            setattr(sys, name, Output(stream, stream.buffer if is_read else _own_buffer(stream), is_read=is_read))


def lost() -> OSError | None:
    """The error that lost some of the output; None if nothing is lost, or if a terminal is gone (its user knows)."""
    error = sys.stdout.error if isinstance(sys.stdout, Output) else None
    return None if error is None or error.errno == errno.EIO else error


def print_at_once(line: str) -> None:
    """Print a line to the standard error from any thread, without waiting for a lock of Python's streams."""
    descriptor = 2
    if isinstance(sys.stderr, Output):
        descriptor = sys.stderr.fileno()
    with contextlib.suppress(OSError):  # nobody may be there to read it
        os.write(descriptor, f"{line}\n".encode(errors="replace"))


@contextlib.contextmanager
def native_errors_to(file: Path) -> Iterator[None]:
    """Append to `file` what native code prints to the standard error in the body. Python's output is shown."""
    if not isinstance(sys.stderr, Output):  # descriptor 2 is also Python's
        yield
        return
    kept = os.dup(2)
    _send_to(file)
    last_words.errors_are_in(file)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        last_words.errors_are_in(None)


def stand_in(error: UnicodeError) -> tuple[str, int]:
    """Plain characters that replace characters which an encoding lacks. Without a plain one, the code replaces it.

    >>> codecs.register_error(PLAIN, stand_in)
    >>> "· 4 ±0.1 é".encode("ascii", PLAIN)
    b'. 4 +/-0.1 \\\\xe9'
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    plain = (STAND_INS.get(letter) or letter.encode("ascii", "backslashreplace").decode() for letter in letters)
    return "".join(plain), error.end


def _own_buffer(stream: Any) -> Any:
    """A buffer like that of `stream`, with a descriptor of its own for the same file."""
    buffering = 0 if isinstance(stream.buffer, io.RawIOBase) else -1  # as PYTHONUNBUFFERED asks
    return open(os.dup(stream.fileno()), "wb", buffering)  # noqa: PTH123 - for good


def _send_to(file: Path) -> None:
    """Let descriptor 2 write to `file`; it stays as it is if the file cannot be written."""
    with contextlib.suppress(OSError):
        opened = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        os.dup2(opened, 2)
        os.close(opened)


def _occupy(descriptor: int) -> None:
    """Open the null device at a standard stream's number, if that number is free."""
    try:
        os.fstat(descriptor)
    except OSError:
        opened = os.open(os.devnull, os.O_RDWR)
        if opened != descriptor:
            os.dup2(opened, descriptor)
            os.close(opened)
        os.set_inheritable(descriptor, True)

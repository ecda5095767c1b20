"""The standard streams of a script: a stream that cannot be written does not end the work.

If a stream is closed, or its device is full or gone, its output is dropped. If its encoding lacks a character, a plain
one replaces it. A reader that goes away (`| head -1`) still ends a script, as its user has asked.
"""

import codecs
import contextlib
import errno
import io
import os
import sys
from typing import Any, TextIO

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

    def __init__(self, stream: Any, *, is_read: bool) -> None:
        """Replace `stream`; keep its encoding and its buffer."""
        super().__init__(
            stream.buffer,
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
            setattr(sys, name, Output(stream, is_read=name == "stdout"))


def lost() -> OSError | None:
    """The error that lost some of the output; None if nothing is lost, or if a terminal is gone, as its user knows."""
    error = sys.stdout.error if isinstance(sys.stdout, Output) else None
    return None if error is None or error.errno == errno.EIO else error


def stand_in(error: UnicodeError) -> tuple[str, int]:
    """Plain characters for those that an encoding lacks; the code of a character that has no plain one.

    >>> codecs.register_error(PLAIN, stand_in)
    >>> "· 4 ±0.1 é".encode("ascii", PLAIN)
    b'. 4 +/-0.1 \\\\xe9'
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    plain = (STAND_INS.get(letter) or letter.encode("ascii", "backslashreplace").decode() for letter in letters)
    return "".join(plain), error.end


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

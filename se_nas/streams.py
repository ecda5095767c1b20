"""The standard streams of a script: whatever they are, printing does not end the work.

A stream may be closed, or its device full or gone: what is printed is dropped then. Its encoding may lack a sign: a
plain one stands in for it. That nobody reads any more (`| head -1`) still ends a script, as its user has asked.
"""

import codecs
import contextlib
import errno
import io
import os
import select
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


class Output(io.RawIOBase):
    """Writes to an open file. What it does not take is dropped, and the first reason kept in `error`.

    BrokenPipeError where somebody has to read it (`is_read`) and nobody does.
    """

    def __init__(self, descriptor: int, *, is_read: bool) -> None:
        self._descriptor, self._is_read = descriptor, is_read
        self.error: OSError | None = None

    def fileno(self) -> int:
        """The file's descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, data: Any) -> int:
        """Write some of the bytes, and say how many."""
        while True:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:  # another program that has the same pipe made it non-blocking
                select.select([], [self._descriptor], [])
            except OSError as error:
                if self._is_read and isinstance(error, BrokenPipeError):
                    raise
                self.error = self.error or error
                return memoryview(data).nbytes


def endure() -> None:
    """Put streams in place of `sys.stdout` and `sys.stderr` that bear everything. Streams that the caller has replaced
    stay as they are.

    A closed one is opened on nothing first, so that no file of the run gets its number, into which a library would
    print.
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
            setattr(sys, name, _enduring(stream, descriptor))


def lost() -> OSError | None:
    """Why some of what was printed is lost; None when it is not, and when a terminal is gone, whose user knows."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    error = raw.error if isinstance(raw, Output) else None
    return None if error is None or error.errno == errno.EIO else error


def stand_in(error: UnicodeError) -> tuple[str, int]:
    """Plain signs for what an encoding lacks, and its code for what has none.

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
    """Open the null device at a standard stream's number, if nothing is there."""
    try:
        os.fstat(descriptor)
    except OSError:
        opened = os.open(os.devnull, os.O_RDWR)
        if opened != descriptor:
            os.dup2(opened, descriptor)
            os.close(opened)
        os.set_inheritable(descriptor, True)


def _enduring(stream: Any, descriptor: int) -> TextIO:
    """The same stream, but for its errors."""
    return io.TextIOWrapper(
        io.BufferedWriter(Output(descriptor, is_read=descriptor == 1)),
        encoding=stream.encoding,
        errors=PLAIN,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )

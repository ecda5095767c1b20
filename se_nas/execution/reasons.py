"""Reasons: what an error says, in one line that keeps its cause, and its cure (`se_nas.machine.cures`)."""

import errno
import re

from se_nas.errors import InputError
from se_nas.machine.cures import LIMIT_REACHED, cured
from se_nas.searching.failures import LACKS_MEMORY, Failure, FailureKind
from se_nas.wording import printable

MOST_LETTERS = 300
START_LETTERS = 100
"""The letters that are kept at the start of a long text. Its start says what was tried, its end says why it failed."""

FAULTS_OF_A_PLACE = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EMFILE,
    errno.ENFILE,
    errno.EROFS,
    errno.EIO,
    errno.ESTALE,
    errno.EAGAIN,
    errno.ENOENT,
    errno.EACCES,
    errno.EPERM,
    errno.ENOTCONN,
    errno.EADDRINUSE,
}
FRAME = re.compile(r'^\s*File ".*", line \d+.*$', re.MULTILINE)
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def failure_of(error: BaseException) -> Failure:
    """The failure that describes an exception of a training."""
    reason = reason_of(error)
    return Failure(reason=reason, kind=_kind(error, reason))


def reason_of(error: BaseException) -> str:
    """The message of an exception and of its causes, in one line, with the cure if one is known."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        inner = getattr(link, "cause", None)  # Ray's errors keep it there
        link = inner if isinstance(inner, BaseException) else link.__cause__
    said: list[str] = []
    for each in chain:
        sentence = sentence_of(_text(each))
        if not any(sentence in other for other in said):
            said.append(sentence)
    return cured(shortened("; because of ".join(said)))


def sentence_of(text: str) -> str:
    """The text of an error in one line; for a traceback, the text below its last frame.

    >>> sentence_of('Caught OSError in worker 0.\\n  File "a.py", line 1, in f\\n    f()\\nOSError: disk full')
    'OSError: disk full'
    """
    text = ESCAPES.sub("", text)
    frames = list(FRAME.finditer(text))
    if frames:
        below = [line for line in text[frames[-1].end() :].splitlines() if line.strip()]
        while below and (below[0].startswith(" ") or not below[0].strip("~^ ")):
            below.pop(0)
        text = " ".join(below) or text[: frames[0].start()]
    return printable(" ".join(text.split()))


def shortened(text: str, most: int = MOST_LETTERS) -> str:
    """A text of at most `most` letters, cut in its middle.

    >>> shortened("RuntimeError: " + "a" * 400 + ": disk full", 130)[-20:]
    'aaaaaaaaa: disk full'
    """
    if len(text) <= most:
        return text
    return f"{text[:START_LETTERS]} ... {text[START_LETTERS + 5 - most :]}"


def _text(error: BaseException) -> str:
    """The last line of a traceback: the class, without its module, and the message."""
    if FRAME.search(str(error)):
        return str(error)
    return f"{type(error).__name__}: {error}"


def _kind(error: BaseException, reason: str) -> FailureKind:
    """The kind of a failure. An InputError in a training means that an image cannot be read any more."""
    innermost = error
    while innermost.__cause__ is not None and innermost.__cause__ is not innermost:
        innermost = innermost.__cause__
    if LACKS_MEMORY.search(reason):
        return FailureKind.MEMORY
    if isinstance(innermost, ImportError | InputError) or (
        isinstance(innermost, OSError) and innermost.errno in FAULTS_OF_A_PLACE
    ):
        return FailureKind.PLACE
    if LIMIT_REACHED.search(reason):  # also where a library gives the words of the kernel in an error of its own
        return FailureKind.PLACE
    return FailureKind.NETWORK

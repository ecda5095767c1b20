"""Last words: a process that a signal kills leaves the number of the signal and the command that continues its work.

A process that may be killed writes its last words to a file descriptor. For a crash, `faulthandler` writes them
(https://docs.python.org/3/library/faulthandler.html); for another signal that kills, a handler writes its number.
SIGKILL leaves no words. `watch_over` starts a separate process (`se_nas.process.watcher`), which reads the words of its
parent.
"""

import faulthandler
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

FATAL = "Fatal Python error: "
CRASHES = {
    "Segmentation fault": "SIGSEGV",
    "Aborted": "SIGABRT",
    "Bus error": "SIGBUS",
    "Floating-point exception": "SIGFPE",
    "Floating point exception": "SIGFPE",
    "Illegal instruction": "SIGILL",
}
"""Signals by the names that `faulthandler` gives them."""

HARMLESS = {"SIGCHLD", "SIGCONT", "SIGURG", "SIGWINCH", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGSTOP", "SIGINFO"}
MEANINGS = {
    "SIGSEGV": "a crash in native code",
    "SIGABRT": "native code called abort",
    "SIGBUS": "memory or a mapped file that is gone; is /dev/shm or the disk full?",
    "SIGILL": "an instruction that this processor does not have",
    "SIGXCPU": "the limit of processor time",
    "SIGHUP": "the terminal was closed",
}

WATCHER = (
    "import sys; sys.path.append(sys.argv[1]); from se_nas.process.watcher import speak_for; speak_for(sys.argv[2])"
)

_descriptor: int | None = None  # where this process writes its last words
_watcher: subprocess.Popen[bytes] | None = None
_prog = ""  # the script that this process is
_next_command = ""  # how to continue if this process ends now


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The last words of a process. `number` is the signal, if the words name one; `folders` are temporary,
    and `errors` is the file with the output of native code."""

    number: int | None = None
    said: str = ""
    go_on: str = ""
    farewell: bool = False
    folders: tuple[str, ...] = ()
    errors: str = ""


def name_process(prog: str) -> None:
    """Let the last line of this process begin with `prog`."""
    global _prog
    _prog = prog


def watch_over(prog: str) -> None:
    """Start a process that prints one line when a signal kills this one.

    It has its own session, so that a signal to the whole process group does not reach it.
    """
    global _watcher
    if _watcher is not None or not sys.executable:
        return
    with suppress(OSError):  # without that process, only the line of a killed search is missing
        call = [sys.executable, "-I", "-S", "-c", WATCHER, str(Path(__file__).parents[2]), prog]
        _watcher = subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)
        assert _watcher.stdin is not None
        leave_words(_watcher.stdin.fileno())


def leave_words(descriptor: int) -> None:
    """Let a signal that kills this process be written to `descriptor`. Call it in the main thread."""
    global _descriptor
    _descriptor = descriptor
    faulthandler.enable(descriptor, all_threads=False)
    for number in signal.valid_signals():
        name = number.name if isinstance(number, signal.Signals) else ""
        if name not in {*CRASHES.values(), *HARMLESS, "SIGKILL"} and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _die_of)


def say(text: str) -> None:
    """Note why this process is about to end itself."""
    _write(f"said {' '.join(text.split())}")


def leave_folder(folder: Path) -> None:
    """Let the watcher remove this temporary folder if this process does not."""
    if len(str(folder).splitlines()) == 1:  # else it would be read as another folder
        _write(f"folder {folder}")


def errors_are_in(file: Path | None) -> None:
    """Note that native code prints its errors into this file from now on. The reason of a crash may be there."""
    _write(f"errors {file or ''}")


def forget_folder(folder: Path) -> None:
    """The folder is removed, or is kept on purpose."""
    _write(f"forget {folder}")


def farewell() -> None:
    """Note that this process ends normally, so that no other process prints a line for it."""
    global _descriptor, _watcher
    _write("farewell")
    if _descriptor is None or _watcher is None or _watcher.stdin is None:
        return
    faulthandler.disable()
    with suppress(OSError):
        _watcher.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        _watcher.wait(timeout=1)
    _descriptor = _watcher = None


@contextmanager
def resumable(go_on: str, *, instead: Callable[[], str | None] = lambda: None) -> Iterator[None]:
    """Add the line `go_on` if the body does not end normally: as a note of an exception, or as last words of a signal.

    If an exception ends the body, `instead` is called. If it returns a line, that line replaces `go_on`.
    """
    if_killed(go_on)
    try:
        yield
    except BaseException as error:  # ctrl-C and SIGTERM too
        error.add_note(instead() or go_on)
        raise
    if_killed("")


def if_killed(go_on: str) -> None:
    """Add `go_on` to the line that is printed if this process is killed from now on."""
    global _next_command
    _next_command = go_on
    _write(f"resume {go_on}")


def line_of(message: str) -> str:
    """The last line of this process: which script it is, what happened, and how to go on."""
    told = f"{message}; {_next_command or 'everything finished is kept'}"
    return f"{_prog}: {told}" if _prog else told


def read_words(text: str) -> Words:
    """Parse the words in a file or pipe.

    >>> read_words("resume do it again\\nFatal Python error: Segmentation fault\\n").number
    11
    """
    words = {"said": "", "resume": "", "signal": "", "errors": ""}
    ended = False
    folders: list[str] = []
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        ended |= line == "farewell"
        if kind == "folder":
            folders.append(rest)
        elif kind == "forget":
            folders = [folder for folder in folders if folder != rest]
        if kind in words:
            words[kind] = rest
        elif line.startswith(FATAL):
            crash = line.removeprefix(FATAL).strip()
            words["signal"] = str(int(signal.Signals[CRASHES.get(crash, "SIGABRT")]))
    number = int(words["signal"]) if words["signal"].isdigit() else None
    return Words(
        number=number,
        said=words["said"],
        go_on=words["resume"],
        farewell=ended,
        folders=tuple(folders),
        errors=words["errors"],
    )


def name_of(number: int) -> str:
    """Text for people that names a signal.

    >>> name_of(11), name_of(9)
    ('signal 11 (SIGSEGV: a crash in native code)', 'signal 9 (SIGKILL)')
    """
    try:
        known = signal.Signals(number)
    except ValueError:
        return f"signal {number}"
    meaning = MEANINGS.get(known.name)
    return f"signal {number} ({known.name}{f': {meaning}' if meaning else ''})"


def _die_of(number: int, _frame: object) -> None:
    _write(f"signal {int(number)}")
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _write(line: str) -> None:
    if _descriptor is not None:
        with suppress(OSError):
            os.write(_descriptor, f"{line}\n".encode(errors="surrogateescape"))


def _forget_in_child() -> None:
    """Forget the descriptor in a forked child: its crash or its end is not that of this process."""
    global _descriptor
    if _descriptor is None:
        return
    faulthandler.disable()
    with suppress(OSError):
        if _watcher is not None and _watcher.stdin is not None:
            _watcher.stdin.close()
        else:
            os.close(_descriptor)
    _descriptor = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)

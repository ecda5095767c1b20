"""The command line of the launch scripts: they parse flags, and end with one clear line and a defined exit code.

The codes are in `exit_codes.py`. If a signal kills the process, another process prints the line (`last_words.py`).
"""

import atexit
import contextlib
import io
import os
import re
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from itertools import dropwhile, takewhile
from pathlib import Path
from types import FrameType
from typing import NoReturn, TypeVar

from se_nas.errors import InputError, RunFailedError
from se_nas.machine.cures import cured
from se_nas.machine.process_limits import check_few_processes
from se_nas.process import last_resort, last_words, streams
from se_nas.process.exit_codes import BAD_INPUT, FAILED, UNREAD, of_signal
from se_nas.wording import printable

STOPS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGXCPU")
"""Signals that ask a run to end. One that the caller ignores (`nohup`) stays ignored, except the first two."""

PATIENCE_SECONDS = 20
AGAIN_SECONDS = 0.01
"""The time after which a stop is repeated if Python dropped it in a destructor or a weak reference."""

HELP = {"-h", "--help"}
"""Flags with which a command only prints a text, so that it needs no process that watches over it."""

SAME_SECONDS = 0.2
"""A second signal within this time counts as the first one: `uv run` passes on a signal that its group already got."""

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
"""The sequences by which a terminal changes the colour of a text (ECMA-48, SGR)."""

T = TypeVar("T")


class _Stop:
    """Turns a signal that asks for an end into KeyboardInterrupt. Ray's compiled code passes on no other exception.

    A second signal ends the process at once. If a shutdown takes longer than `PATIENCE_SECONDS`, the functions of
    `last_resort` run, and the process ends.
    """

    def __init__(self) -> None:
        self._number = int(signal.SIGINT)

    @property
    def code(self) -> int:
        """The exit code, as shells count it."""
        return of_signal(self._number)

    @property
    def word(self) -> str:
        """Text for people that says what happened."""
        words = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
        return words.get(signal.Signals(self._number), f"ended by {last_words.name_of(self._number)}")

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        self._number = number
        last_resort.stop_asked.set()
        _handle_stops_by(lambda *_: None)
        time.sleep(SAME_SECONDS)
        _handle_stops_by(self._leave_at_once)
        if number == getattr(signal, "SIGXCPU", None):
            signal.signal(number, signal.SIG_IGN)  # the kernel sends it every second from now on
        patience = threading.Timer(PATIENCE_SECONDS, lambda: last_resort.leave(self.word, self.code))
        patience.daemon = True
        patience.start()
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        sys.unraisablehook = self._again_if_dropped
        raise KeyboardInterrupt

    @staticmethod
    def _again_if_dropped(dropped: "sys.UnraisableHookArgs") -> None:
        if isinstance(dropped.exc_value, KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)
        else:
            sys.__unraisablehook__(dropped)

    def _leave_at_once(self, *_: object) -> None:
        line = last_words.line_of(self.word)
        last_words.farewell()
        streams.print_at_once(line)
        os._exit(self.code)


def _handle_stops_by(handle: Callable[[int, FrameType | None], None]) -> None:
    for name in STOPS:
        number = getattr(signal, name, None)  # some systems lack some of these signals
        if number is not None and (name in STOPS[:2] or signal.getsignal(number) is not signal.SIG_IGN):
            signal.signal(number, handle)


def parse_flags(options: type[T], *, prog: str) -> T:
    """Parse the command line into `options`. A mistake prints one line and ends the process with exit code 2.

    InputError if a value is empty, e.g. from a shell variable that is not set. An empty path is the current folder.
    """
    import tyro

    _check_no_value_is_empty(sys.argv[1:])
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(options, prog=prog)
    except SystemExit as end:
        if end.code not in (0, None):
            print(f"{prog}: {printable(_one_line(said.getvalue()))}", file=sys.stderr)  # noqa: T201
        raise


def run(main: Callable[[], None], *, prog: str) -> NoReturn:
    """Call `main`, and exit with the code that says how it ended. A second ctrl-C ends the process at once.

    The notes of an exception (PEP 678), e.g. how to resume, are printed with it.
    """
    if sys.platform == "win32":
        error = InputError("se-nas runs on Linux and macOS, and under WSL on Windows, but this is Windows itself")
        _leave(prog, str(error), error, BAD_INPUT)
    streams.endure()
    last_words.name_process(prog)
    if _speaks_for_all() and not HELP & set(sys.argv[1:]):
        last_words.watch_over(prog)
    stop = _Stop()
    _handle_stops_by(stop)
    try:
        _check_here()
        try:
            main()
        except SystemExit as end:
            if not end.code:  # --help
                _finish_printing()
            raise
        _finish_printing()
    except InputError as error:
        _leave(prog, str(error), error, BAD_INPUT)
    except RunFailedError as error:
        _leave(prog, str(error), error, FAILED)
    except KeyboardInterrupt as error:
        _leave(prog, stop.word, error, stop.code)
    except (BrokenPipeError, SystemExit) as error:
        if BrokenPipeError not in (type(error), type(error.__context__)):  # rich raises SystemExit for a broken pipe
            last_words.farewell()
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # takes the rest of the buffer
        _leave(prog, "nobody reads its output", error, UNREAD)
    except Exception as error:  # noqa: BLE001 - the last resort
        reason = f"{type(error).__name__}: {error}"
        if cured(reason) == reason:
            traceback.print_exc()  # it helps to repair what no user can cure
        _leave(prog, cured(reason), error, FAILED)
    _exit_as_it_is(0)


def _check_here() -> None:
    """Raise InputError if the current folder was removed, or if no more threads can start."""
    try:
        Path.cwd()
    except OSError as error:
        raise InputError(f"the current folder cannot be used ({error.strerror}); change to another one") from None
    check_few_processes()


def _finish_printing() -> None:
    """Raise RunFailedError if some of the output is lost."""
    sys.stdout.flush()
    if (lost := streams.lost()) is not None:
        raise RunFailedError(f"some of its output could not be written ({lost.strerror}); everything else is done")


def _leave(prog: str, message: str, error: BaseException, code: int) -> NoReturn:
    if _speaks_for_all():
        told = "; ".join([message, *getattr(error, "__notes__", ())])
        print(f"{prog}: {printable(' '.join(told.split()))}", file=sys.stderr)  # noqa: T201
    _exit_as_it_is(code)


def _speaks_for_all() -> bool:
    """Whether this is the only process of its command, or the first process of torchrun."""
    return "TORCHELASTIC_RUN_ID" not in os.environ or os.environ["RANK"] == "0"


def _exit_as_it_is(code: int) -> NoReturn:
    """Run the `atexit` functions and exit without a shutdown of the interpreter.

    With torch and plotly, the shutdown takes a second. After a stop in the middle of Ray's start, it crashed one time
    in fourteen (signal 11). A Python without `_run_exitfuncs` is shut down all the same.
    """
    run_exit_functions = getattr(atexit, "_run_exitfuncs", None)
    if run_exit_functions is not None:
        with contextlib.suppress(BaseException):
            run_exit_functions()
    last_words.farewell()
    if run_exit_functions is None:
        sys.exit(code)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _check_no_value_is_empty(arguments: Sequence[str]) -> None:
    for before, argument in zip(["", *arguments], arguments, strict=False):
        flag, equals, value = argument.partition("=")
        if argument == "" or (flag.startswith("--") and equals and value == ""):
            named = flag or (before if before.startswith("-") else "")
            reason = f"{named}: expected a value, but got an empty text" if named else "an argument is empty"
            raise InputError(f"{reason}; see --help")


def _one_line(box: str) -> str:
    """The first message in tyro's box of several lines, with the suggestion of tyro.

    A box begins with its title, and lines of dashes separate its messages. In a terminal it has colours, and where only
    ASCII can be printed it has no frame.
    """
    lines = [COLOUR.sub("", line).strip("│╭╮╰╯ ") for line in box.splitlines()]
    body = [line for line in lines[1:] if line]
    message = " ".join(takewhile(_has_words, dropwhile(lambda line: not _has_words(line), body))) or "bad flags"
    if wrong := re.search(r"Error parsing (--[\w-]+): no type matching .*? from \['(.*?)'\]", message):
        return f"{wrong.group(1)} {wrong.group(2)}: expected a number; see --help"
    near = re.search(r"Perhaps you meant:\s+(--[\w-]+)", " ".join(body))
    return f"{message}{f' (did you mean {near.group(1)}?)' if near else ''}; see --help"


def _has_words(line: str) -> bool:
    return not set(line) <= set("─-")

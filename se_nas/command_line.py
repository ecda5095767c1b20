"""How the launch scripts read flags, end and fail: one clear line, and the exit code that says what happened.

0 done; 2 bad input; 3 the run failed; 130 interrupted; 143 terminated.
"""

import contextlib
import io
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable
from types import FrameType
from typing import NoReturn, TypeVar

import tyro

from se_nas.errors import InputError, RunFailedError

BAD_INPUT, FAILED, INTERRUPTED, TERMINATED = 2, 3, 130, 143

T = TypeVar("T")


class _Terminated(BaseException):
    """SIGTERM, as an exception that unwinds like ctrl-C."""


def parse_flags(options: type[T], *, prog: str) -> T:
    """Read the command line into `options`; a mistake is told in one line, exit code 2."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(options, prog=prog)
    except SystemExit as end:
        if end.code not in (0, None):
            print(f"{prog}: {_one_line(said.getvalue())}", file=sys.stderr)  # noqa: T201
        raise


def run(main: Callable[[], None], *, prog: str) -> NoReturn:
    """Call `main` and leave with the exit code of how it ended; ctrl-C a second time leaves at once.

    What an exception has as notes (PEP 678), such as how to resume, is told with it.
    """
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _terminate)
    try:
        main()
    except InputError as error:
        _leave(prog, str(error), error, BAD_INPUT)
    except RunFailedError as error:
        _leave(prog, str(error), error, FAILED)
    except KeyboardInterrupt as error:
        _leave(prog, "interrupted", error, INTERRUPTED)
    except _Terminated as error:
        _leave(prog, "terminated", error, TERMINATED)
    except Exception as error:  # noqa: BLE001 - the last resort; the trace helps whoever mends it
        traceback.print_exc()
        _leave(prog, f"{type(error).__name__}: {error}", error, FAILED)
    sys.exit(0)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    _leave_at_once_next_time()
    raise KeyboardInterrupt


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    _leave_at_once_next_time()
    raise _Terminated


def _leave_at_once_next_time() -> None:
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    signal.signal(signal.SIGTERM, lambda *_: os._exit(TERMINATED))


def _leave(prog: str, message: str, error: BaseException, code: int) -> NoReturn:
    told = "; ".join([message, *getattr(error, "__notes__", ())])
    print(f"{prog}: {' '.join(told.split())}", file=sys.stderr)  # noqa: T201
    sys.exit(code)


def _one_line(box: str) -> str:
    """What tyro's box of several lines says first, with its suggestion."""
    lines = [line.strip("│╭╮╰╯ ").strip() for line in box.splitlines()]
    lines = [line for line in lines if line and not line.startswith("─")] or ["bad flags"]
    rule = next((i for i, line in enumerate(box.splitlines()) if "│ ───" in line), len(lines))
    message = " ".join(lines[: max(1, rule - 1)])
    near = re.search(r"Perhaps you meant:\s+(--[\w-]+)", " ".join(lines))
    return f"{message}{f' (did you mean {near.group(1)}?)' if near else ''}; see --help"

"""The line that is printed for a killed process, whatever kills it."""

import subprocess
import sys
from pathlib import Path

import pytest

from se_nas.process.last_words import name_of, read_words

SCRIPT = """\
import ctypes, os, signal, time
from se_nas.process.command_line import run
from se_nas.process.last_words import resumable

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # `nohup pytest` ignores it

def main():
    with resumable("continue with: script --resume"):
        {does}
        time.sleep(100)

run(main, prog="script")
"""


def ended(does: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", SCRIPT.format(does=does)], capture_output=True, text=True, timeout=800)


@pytest.mark.parametrize(
    ("does", "number", "name"),
    [
        ("ctypes.string_at(0)", 11, "SIGSEGV: a crash in native code"),
        ("ctypes.CDLL(None).abort()", 6, "SIGABRT: native code called abort"),
        *((f"os.kill(os.getpid(), {number})", number, name) for number, name in [(9, "SIGKILL"), (31, "SIGSYS")]),
        ("os.kill(os.getpid(), 7)", 7, "SIGBUS: memory or a mapped file that is gone; is /dev/shm or the disk full?"),
        ("os.kill(os.getpid(), 4)", 4, "SIGILL: an instruction that this processor does not have"),
        ("os.killpg(os.setpgrp() or os.getpgrp(), 9)", 9, "SIGKILL"),
    ],
)
def test_the_line_of_a_killed_script_names_the_signal_and_how_to_go_on(does: str, number: int, name: str) -> None:
    done = ended(does)

    assert done.returncode == -number
    assert done.stderr == f"script: killed by signal {number} ({name}); continue with: script --resume\n"


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (1, "SIGHUP: the terminal was closed"),
        (3, "SIGQUIT"),
        (10, "SIGUSR1"),
        (24, "SIGXCPU: the limit of processor time"),
    ],
)
def test_a_signal_that_asks_for_an_end_ends_the_script_and_is_named(number: int, name: str) -> None:
    done = ended(f"os.kill(os.getpid(), {number})")

    assert done.returncode == 128 + number
    assert done.stderr == f"script: ended by signal {number} ({name}); continue with: script --resume\n"


@pytest.mark.parametrize(
    ("does", "code", "told"),
    [
        ("return", 0, ""),
        ("os._exit(0) if os.fork() == 0 else os.wait(); return", 0, ""),
        ("os.kill(os.getpid(), 11) if os.fork() == 0 else os.wait(); return", 0, ""),
        ("signal.signal(1, signal.SIG_IGN); os.kill(os.getpid(), 1); return", 0, ""),
        ("raise SystemExit(2)", 2, ""),
        ("os.kill(os.getpid(), 2)", 130, "script: interrupted; continue with: script --resume\n"),
    ],
)
def test_a_script_that_ends_by_itself_gets_no_additional_line(does: str, code: int, told: str) -> None:
    done = ended(does)

    assert (done.returncode, done.stderr) == (code, told)


@pytest.mark.parametrize(
    ("errors", "cause"),
    [
        (
            "  what():  Resource temporarily unavailable",
            ": Resource temporarily unavailable (the limit of processes and ",
        ),
        ("a line that says nothing", ""),
    ],
)
def test_what_native_code_printed_is_not_shown_but_explains_an_abort(errors: str, cause: str, tmp_path: Path) -> None:
    does = (
        f"from se_nas.process.streams import native_errors_to; from pathlib import Path; context = native_errors_to("
        f"Path({str(tmp_path / 'errors')!r})); context.__enter__(); os.write(2, b{errors + chr(10)!r}); "
        "ctypes.CDLL(None).abort()"
    )

    done = ended(does)

    assert done.stderr.startswith(f"script: killed by signal 6 (SIGABRT: native code called abort){cause}")
    assert done.stderr.endswith("; continue with: script --resume\n")
    assert done.stderr.count("\n") == 1


def test_a_signal_without_a_name_is_called_by_its_number() -> None:
    assert name_of(40) == "signal 40"


def test_the_last_of_several_words_counts() -> None:
    words = read_words("resume first\nresume second\nsaid an epoch took too long\nsignal 24\n")

    assert (words.go_on, words.said, words.number, words.farewell) == ("second", "an epoch took too long", 24, False)

import subprocess
import sys
import time

import pytest

from se_nas.execution.watchdog import WatchdogError, watched

STUCK = """
import ctypes
from se_nas.execution.watchdog import watched

with watched(lambda: "it hangs", every=0.1, patience=0.5, last=lambda: print("last", flush=True)):
    ctypes.CDLL(None).sleep(3600)  # outside Python, and it lets no exception in
"""


def test_a_body_without_problems_is_not_disturbed() -> None:
    with watched(lambda: None, every=0.01):
        time.sleep(0.1)


def stubborn() -> None:
    """Code that tries again whatever happens."""
    while True:
        try:
            time.sleep(0.01)
        except Exception:  # noqa: BLE001
            continue


def test_a_problem_ends_the_body_at_once_and_is_named() -> None:
    with pytest.raises(WatchdogError, match="the cat has died"), watched(lambda: "the cat has died", every=0.05):
        stubborn()


def test_an_error_of_the_body_is_raised() -> None:
    with pytest.raises(KeyError), watched(lambda: None, every=0.01):
        raise KeyError


def test_a_process_stuck_outside_python_ends_with_one_line() -> None:
    done = subprocess.run([sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=800)

    assert done.returncode == 3
    assert done.stdout == "last\n"
    assert done.stderr == "it hangs; everything finished is kept\n"


COMMAND = """
import ctypes, os, signal, sys, threading, time, weakref
from se_nas.process.command_line import run
from se_nas.execution.watchdog import watched
from se_nas.process.last_resort import due
from se_nas.process.last_words import resumable

dead = threading.Event()

def problem():
    return "Ray's dashboard has died" if dead.is_set() else None

def main():
    with resumable("continue with: again"), due(lambda: print("tables", flush=True)):
        with watched(problem, every=0.05, patience=1.0):
            BODY

run(main, prog="script")
"""


def outcome_of(body: str) -> tuple[int, str, str]:
    """The exit code, standard output and standard error of a command whose watched part is `body`."""
    program = COMMAND.replace("BODY", "\n            ".join(body.strip().splitlines()))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=800)
    return done.returncode, done.stdout, done.stderr


def test_a_stuck_process_calls_the_due_functions_and_says_how_to_go_on() -> None:
    told = outcome_of("dead.set()\nctypes.CDLL(None).sleep(3600)")

    assert told == (3, "tables\n", "script: Ray's dashboard has died; continue with: again\n")


@pytest.mark.parametrize(("sent", "code", "word"), [("SIGTERM", 143, "terminated"), ("SIGINT", 130, "interrupted")])
@pytest.mark.parametrize(
    "dies",
    [
        "dead.set()\nos.kill(os.getpid(), signal.{sent})\ntime.sleep(3600)",
        "try:\n    os.kill(os.getpid(), signal.{sent})\n    time.sleep(3600)\n"
        "finally:\n    dead.set()\n    time.sleep(3)",
    ],
    ids=["with the signal", "while it stops"],
)
def test_a_problem_that_a_stop_causes_does_not_replace_the_stop(dies: str, sent: str, code: int, word: str) -> None:
    told = outcome_of(dies.format(sent=sent))

    assert told == (code, "", f"script: {word}; continue with: again\n")


def test_a_stop_that_hangs_calls_the_due_functions_and_says_how_to_go_on() -> None:
    told = outcome_of(
        "import se_nas.process.command_line as c\nc.PATIENCE_SECONDS = 1\ntry:\n    os.kill(os.getpid(), 15)\n"
        "    time.sleep(3600)\nfinally:\n    dead.set()\n    ctypes.CDLL(None).sleep(3600)"
    )

    assert told == (143, "tables\n", "script: terminated; continue with: again\n")


def test_a_problem_raised_in_a_weak_reference_is_raised_again_and_prints_nothing() -> None:
    told = outcome_of("""
class Thing:
    pass
def wait(_):
    dead.set()
    while True:
        time.sleep(0.01)
thing = Thing()
kept = weakref.ref(thing, wait)
del thing
while True:
    time.sleep(0.01)
""")

    assert told == (3, "", "script: Ray's dashboard has died; continue with: again\n")


@pytest.mark.parametrize("deed", ["raise_it", "hang"])
def test_a_due_function_can_neither_fail_nor_delay_the_end(deed: str) -> None:
    program = (
        "import time\nfrom se_nas.process import last_resort\nlast_resort.DUE_SECONDS = 0.2\n"
        "def raise_it():\n    raise KeyError\ndef hang():\n    time.sleep(3600)\n"
        f"with last_resort.due({deed}):\n    last_resort.leave('stuck', 3)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=800)

    assert (done.returncode, done.stdout, done.stderr) == (3, "", "stuck; everything finished is kept\n")

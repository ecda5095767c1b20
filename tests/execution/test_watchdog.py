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


def test_what_is_well_is_left_alone() -> None:
    with watched(lambda: None, every=0.01):
        time.sleep(0.1)


def stubborn() -> None:
    """As code that tries again whatever happens."""
    while True:
        try:
            time.sleep(0.01)
        except Exception:  # noqa: BLE001
            continue


def test_a_problem_ends_what_is_under_way_at_once_and_is_named() -> None:
    with pytest.raises(WatchdogError, match="the cat has died"), watched(lambda: "the cat has died", every=0.05):
        stubborn()


def test_an_error_of_its_own_passes() -> None:
    with pytest.raises(KeyError), watched(lambda: None, every=0.01):
        raise KeyError


def test_what_is_stuck_outside_python_is_taken_down_with_a_line() -> None:
    done = subprocess.run([sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=800)

    assert done.returncode == 3
    assert done.stdout == "last\n"
    assert done.stderr == "it hangs; everything finished is kept, and the run can be resumed\n"

"""How a script ends when it is told to stop."""

import subprocess
import sys

import pytest

DROPPED = """\
import os, signal, time, weakref
from se_nas.command_line import run

class Thing:
    pass

def main():
    thing = Thing()
    watched = weakref.ref(thing, lambda _: os.kill(os.getpid(), signal.{sent}))
    del thing
    try:
        time.sleep(20)
        print("ran on")
    except KeyboardInterrupt:
        time.sleep(0.1)
        print("saved")
        raise

run(main, prog="script")
"""


@pytest.mark.parametrize(("sent", "code", "word"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated")])
def test_a_stop_that_falls_into_a_weak_reference_is_not_lost_and_interrupts_once(
    sent: str, code: int, word: str
) -> None:
    done = subprocess.run([sys.executable, "-c", DROPPED.format(sent=sent)], capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout, done.stderr) == (code, "saved\n", f"script: {word}\n")


def test_other_dropped_exceptions_are_still_told() -> None:
    quiet = "\n".join(
        (
            "import os, signal",
            "from se_nas.command_line import run",
            "class Loud:",
            "    def __del__(self):",
            "        raise ValueError('dropped')",
            "def main():",
            "    try:",
            "        os.kill(os.getpid(), signal.SIGINT)",
            "    finally:",
            "        Loud()",
            "run(main, prog='script')",
        )
    )

    done = subprocess.run([sys.executable, "-c", quiet], capture_output=True, text=True, timeout=60)

    assert done.returncode == 130
    assert "ValueError: dropped" in done.stderr

"""The end of a script that is asked to stop."""

import subprocess
import sys
from pathlib import Path

import pytest

DROPPED = """\
import os, signal, time, weakref
from se_nas.process.command_line import run

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
def test_a_stop_raised_in_a_weak_reference_is_not_lost_and_interrupts_once(sent: str, code: int, word: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DROPPED.format(sent=sent)], capture_output=True, text=True, timeout=800
    )

    assert (done.returncode, done.stdout, done.stderr) == (code, "saved\n", f"script: {word}\n")


def test_other_dropped_exceptions_are_still_printed() -> None:
    quiet = "\n".join(
        (
            "import os, signal",
            "from se_nas.process.command_line import run",
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

    done = subprocess.run([sys.executable, "-c", quiet], capture_output=True, text=True, timeout=800)

    assert done.returncode == 130
    assert "ValueError: dropped" in done.stderr


@pytest.mark.parametrize("ends", ["print('all')", "raise InputError('wrong')"])
def test_the_end_runs_the_exit_functions_without_a_shutdown_of_the_interpreter(ends: str) -> None:
    program = "\n".join(
        (
            "import atexit",
            "from se_nas.process.command_line import run",
            "from se_nas.errors import InputError",
            "class Kept:",
            "    def __del__(self):",
            "        print('taken apart')",
            "kept = Kept()",
            "kept.itself = kept",
            "atexit.register(lambda: print('due'))",
            "def main():",
            f"    {ends}",
            "run(main, prog='script')",
        )
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=800)

    expected = (0, "all\ndue\n", "") if "print" in ends else (2, "due\n", "script: wrong\n")
    assert (done.returncode, done.stdout, done.stderr) == expected


def test_a_loss_of_the_last_output_is_reported() -> None:
    program = "from se_nas.process.command_line import run\nrun(lambda: print('all'), prog='script')"

    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, text=True)

    assert done.returncode == 3
    reason = "some of its output could not be written (No space left on device); everything else is done"
    assert done.stderr == f"script: {reason}\n"


def test_a_removed_current_folder_is_bad_input(tmp_path: Path) -> None:
    program = (
        "import os, sys\nfrom se_nas.process.command_line import run\n"
        "os.rmdir(os.getcwd())\nrun(lambda: print('ran'), prog='script')"
    )

    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=800)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("script: the current folder cannot be used (No such file or directory)")


def test_exit_functions_run_also_where_python_cannot_run_them_early(tmp_path: Path) -> None:
    program = (
        "import atexit\nfrom se_nas.process.command_line import run\nfrom se_nas.errors import InputError\n"
        "del atexit._run_exitfuncs\natexit.register(print, 'left')\n"
        "def main():\n    raise InputError('wrong')\nrun(main, prog='script')"
    )

    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=800)

    assert (done.returncode, done.stdout, done.stderr) == (2, "left\n", "script: wrong\n")

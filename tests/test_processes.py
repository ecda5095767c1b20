"""The processes that a failed test leaves behind are ended, and no others."""

import subprocess
import sys
from pathlib import Path

import psutil

from tests.processes import Started

SLEEP = [sys.executable, "-c", "import time; time.sleep(3600)"]
LEAVE = """\
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], start_new_session=True, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
print(child.pid)
"""


def test_processes_of_a_test_are_ended_even_if_their_parent_is_gone() -> None:
    started = Started("here")
    near = subprocess.Popen(SLEEP)
    bare = subprocess.Popen(SLEEP, env={})
    said = subprocess.run([sys.executable, "-c", LEAVE, *SLEEP], capture_output=True, text=True, check=True).stdout
    far = psutil.Process(int(said))

    started.end()

    assert near.poll() is not None
    assert bare.poll() is not None
    assert not far.is_running() or far.status() == psutil.STATUS_ZOMBIE


def test_a_process_of_another_test_lives_on() -> None:
    Started("one")
    said = subprocess.run([sys.executable, "-c", LEAVE, *SLEEP], capture_output=True, text=True, check=True).stdout
    other = psutil.Process(int(said))

    Started("two").end()

    assert other.is_running()
    other.kill()


def test_a_failing_test_leaves_no_process_behind(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text((Path(__file__).parent / "conftest.py").read_text())
    (tmp_path / "test_it.py").write_text(
        f"import subprocess, sys\n\ndef test_it():\n"
        f"    said = subprocess.run([sys.executable, '-c', {LEAVE!r}, *{SLEEP!r}], "
        "capture_output=True, text=True).stdout\n"
        f"    open({str(tmp_path / 'pid')!r}, 'w').write(said)\n    assert False\n"
    )
    root = Path(__file__).parents[1]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", str(tmp_path)]

    done = subprocess.run(command, cwd=root, capture_output=True, text=True)

    assert "1 failed" in done.stdout, done.stdout + done.stderr
    pid = int((tmp_path / "pid").read_text())
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE

"""What a command says where too few processes, threads or open files are allowed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from se_nas.errors import InputError
from se_nas.machine import process_limits
from se_nas.machine.control_groups import Bound, process_bounds
from se_nas.machine.process_limits import (
    check_few_processes,
    check_room_for_cluster,
    check_room_for_driver,
    startable_threads,
)

ROOT = Path(__file__).parents[2]
NOBODY = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"]
MAY_READ = ["--inh-caps=-all,+dac_override,+dac_read_search", "--ambient-caps=-all,+dac_override,+dac_read_search"]
"""Root is not limited, so another user runs the command, who may read the files of root."""


def test_as_many_threads_start_as_are_wanted_if_the_limit_is_far() -> None:
    assert startable_threads(20) == 20


@pytest.fixture
def at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three more threads can start; a container allows 100."""
    monkeypatch.setattr(process_limits, "startable_threads", lambda wanted: min(3, wanted))
    group = Bound(amount=100, source="the control group / (pids.max)")
    monkeypatch.setattr(process_limits, "process_bounds", lambda root: iter([group]))
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)


@pytest.mark.usefixtures("at_the_limit")
def test_a_cluster_without_room_for_its_processes_is_refused_with_the_limits_and_the_cure() -> None:
    with pytest.raises(InputError) as caught:
        check_room_for_cluster(2)

    said = str(caught.value)
    assert said.startswith(
        "a Ray cluster with 2 workers needs about 200 more processes and threads, but only 3 can start"
    )
    assert "the control group / (pids.max) is 100" in said
    assert "raise ulimit -u" in said
    assert said.endswith("or use --workers 1")


@pytest.mark.usefixtures("at_the_limit")
def test_a_driver_and_a_command_without_room_are_refused() -> None:
    with pytest.raises(InputError, match="the driver of a search on a Ray cluster needs about 40 more"):
        check_room_for_driver()
    with pytest.raises(InputError, match=r"this command needs about 7 more .* or set OMP_NUM_THREADS=1"):
        check_few_processes()


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (
            "RLIMIT_NOFILE, (64, 64)",
            "a Ray cluster with 2 workers opens files: 80 in a process, but ulimit -n allows 64",
        ),
        ("RLIMIT_AS, (4 << 30, 4 << 30)", "maps memory: 6 GiB in a process, but ulimit -v allows 4 GiB"),
    ],
)
def test_a_cluster_without_room_in_each_process_is_refused(limit: str, said: str) -> None:
    program = (
        "import resource\n"
        "from se_nas.machine.process_limits import check_room_for_cluster\n"
        f"resource.setrlimit(resource.{limit})\n"
        "check_room_for_cluster(2)\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)

    assert said in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("script", ["search.py", "describe.py"])
def test_a_command_that_may_start_nothing_says_so_in_a_line(script: str, tmp_path: Path) -> None:
    if shutil.which("prlimit") is None or (os.getuid() == 0 and shutil.which("setpriv") is None):
        pytest.skip("util-linux is not installed")
    user = [*NOBODY, *MAY_READ] if os.getuid() == 0 else []
    limited = [*user, "prlimit", "--nproc=1:1"]
    if subprocess.run([*limited, sys.executable, "-c", "pass"], capture_output=True).returncode != 0:
        pytest.skip("this user cannot be limited")

    call = [*limited, sys.executable, str(ROOT / "launch" / script), "--help"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, timeout=300)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "processes and threads, but only 0 can start (ulimit -u is 1" in done.stderr


@pytest.mark.parametrize(("content", "amounts"), [("512", [512]), ("max", [])])
def test_the_limit_of_a_container_is_read(content: str, amounts: list[int], tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/",
        "proc/self/mountinfo": "31 23 0:28 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate",
        "sys/fs/cgroup/pids.max": content,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n")

    assert [bound.amount for bound in process_bounds(tmp_path)] == amounts

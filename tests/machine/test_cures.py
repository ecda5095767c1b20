"""The cause that is found in the logs of a process that could not say it."""

from pathlib import Path

import pytest

from se_nas.machine.cures import known_cause

THREADS = "(the limit of processes and threads is reached: raise ulimit -u, or the pids limit of the container)"


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        (
            "E1128 00:43:32.170557677   20366 thd.cc:157]  pthread_create failed: Resource temporarily unavailable\n",
            f"pthread_create failed: Resource temporarily unavailable {THREADS}",
        ),
        (
            "terminate called after throwing an instance of 'std::system_error'\n"
            "  what():  Resource temporarily unavailable\n",
            f"Resource temporarily unavailable {THREADS}",
        ),
        (
            "[2026-11-28 00:49:09,691 E 23901 23901] io.cc:474: open: Too many open files\nStack trace:\n",
            "open: Too many open files (raise the limit of open files: ulimit -n 65536)",
        ),
        ("Starting the object store with 128 MB in /dev/shm, which is shared memory.\n", None),
        ("", None),
    ],
)
def test_the_last_line_about_a_limit_is_the_cause(log: str, cause: str | None, tmp_path: Path) -> None:
    (tmp_path / "raylet.err").write_text(log)

    assert known_cause([tmp_path / "missing.err", tmp_path / "raylet.err"]) == cause

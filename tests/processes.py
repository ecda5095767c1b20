"""What a search's processes leave behind."""

import contextlib
import os
import time
from collections.abc import Iterable

import psutil

AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")
"""Ray 2.60 lets them wait 60 s for a cluster that is gone (ray/_private/process_watcher.py)."""


def left_behind(children: Iterable[psutil.Process]) -> list[psutil.Process]:
    """The processes that do not end, except Ray's two agents."""
    _, alive = psutil.wait_procs([child for child in children if _name(child) not in AGENTS], timeout=800)
    return [child for child in alive if _name(child) not in AGENTS]


MARKER = "SE_NAS_TEST"
"""The environment variable that marks the processes of a test."""


class Started:
    """The processes that a test starts from now on: descendants, and processes with its mark."""

    def __init__(self, test: str) -> None:
        self._mark = f"{os.getpid()} {time.time()} {test}"
        self._began = time.time() - 1  # the kernel counts in hundredths of a second
        os.environ[MARKER] = self._mark

    def end(self) -> None:
        """Kill the processes that still run."""
        kept = psutil.Process()
        remaining = {each for each in kept.children(recursive=True) if each.create_time() >= self._began}
        for each in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if each.environ().get(MARKER) == self._mark:
                    remaining.add(each)
        remaining -= {kept}
        for each in remaining:
            with contextlib.suppress(psutil.Error):
                each.kill()
        psutil.wait_procs(remaining, timeout=800)


def _name(process: psutil.Process) -> str | None:
    with contextlib.suppress(psutil.NoSuchProcess):
        return str(process.name())
    return None

"""The processes that a search or a test leaves behind."""

import contextlib
import os
import time
from collections.abc import Iterable

import psutil

AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")
"""Ray's agents. In Ray 2.60, they wait 60 s for a cluster that is gone (ray/_private/process_watcher.py)."""


def left_behind(children: Iterable[psutil.Process]) -> list[psutil.Process]:
    """The processes that do not end, without the two agents of Ray."""
    _, alive = psutil.wait_procs([child for child in children if _name(child) not in AGENTS], timeout=800)
    return [child for child in alive if _name(child) not in AGENTS]


TRAINERS = ("ray::_Worker", "ray::ResourceTrainable")
"""The names that Ray gives to a worker of the search: the class between two calls, Tune's subclass of it in a call."""


def is_trainer(process: psutil.Process) -> bool:
    """Whether the process is a worker that has started to train for a search."""
    return " ".join(process.cmdline()).startswith(TRAINERS)


MARKER = "SE_NAS_TEST"
"""The environment variable that marks the processes of a test."""


class Started:
    """The processes that a test starts from now on: descendants of this process, and processes with the test's mark."""

    def __init__(self, test: str) -> None:
        self._mark = f"{os.getpid()} {time.time()} {test}"
        self._began = time.time() - 1  # the kernel rounds start times to hundredths of a second
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

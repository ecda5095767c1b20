"""What a search's processes leave behind."""

import contextlib
from collections.abc import Iterable

import psutil

AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")
"""Ray 2.60 lets them wait 60 s for a cluster that is gone (ray/_private/process_watcher.py)."""


def left_behind(children: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those that are still there after 15 s, but for Ray's two agents."""
    _, alive = psutil.wait_procs([child for child in children if _name(child) not in AGENTS], timeout=15)
    return [child for child in alive if _name(child) not in AGENTS]


def _name(process: psutil.Process) -> str | None:
    with contextlib.suppress(psutil.NoSuchProcess):
        return str(process.name())
    return None

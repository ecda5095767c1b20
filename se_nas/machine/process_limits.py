"""The numbers of processes, threads and open files that this process may still have, found by trying.

`ulimit -u` counts the processes and threads of a user on the whole machine, and the control group `pids` of a container
counts its own. Programs that reach such a limit in the middle of their work hang, or end without a reason: Ray and
OpenBLAS do. So a search tries first.
"""

import os
import sys
import threading
from pathlib import Path

from se_nas.errors import InputError
from se_nas.machine.control_groups import Bound, process_bounds
from se_nas.machine.limits import GIB
from se_nas.wording import counted

STACK_BYTES = 1 << 20
FEWEST = 4
"""Processes and threads that every command starts beside the threads of BLAS: the watcher, the display, time limits."""
THREADS_OF_BLAS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
CLUSTER_PROCESSES, WORKER_PROCESSES, DRIVER_PROCESSES = 150, 25, 40
"""Processes and threads of Ray's own processes with the driver, of each worker, and of a driver that joins a cluster,
measured on two cores (Ray 2.60)."""
CLUSTER_FILES, WORKER_FILES = 64, 8
"""Open files of the process of a cluster that opens most, and what each worker adds."""
MAPPED_BYTES = 6 << 30
"""The address space of a process with torch and Ray. `ulimit -v` counts all of it, although most is never used."""


def startable_threads(wanted: int) -> int:
    """The number of threads that can start now, `wanted` at most. Linux counts processes and threads together."""
    done = threading.Event()
    started: list[threading.Thread] = []
    before = threading.stack_size(STACK_BYTES)
    try:
        for _ in range(wanted):
            thread = threading.Thread(target=done.wait, daemon=True)
            thread.start()
            started.append(thread)
    except RuntimeError:  # can't start new thread
        pass
    finally:
        threading.stack_size(before)
        done.set()
        for thread in started:
            thread.join()
    return len(started)


def check_few_processes() -> None:
    """Raise InputError if numpy cannot be imported here: its BLAS ends the process if it cannot start its threads."""
    _check_processes(FEWEST + _threads_of_blas(), "this command", "or set OMP_NUM_THREADS=1")


def check_room_for_cluster(workers: int) -> None:
    """Raise InputError if a Ray cluster with `workers` cannot start on this machine."""
    what, instead = f"a Ray cluster with {counted(workers, 'worker')}", "or use --workers 1"
    _check_ulimit("RLIMIT_NOFILE", "-n", CLUSTER_FILES + WORKER_FILES * workers, f"{what} opens files", instead)
    _check_ulimit("RLIMIT_AS", "-v", MAPPED_BYTES, f"{what} maps memory", instead)
    _check_processes(CLUSTER_PROCESSES + WORKER_PROCESSES * workers, what, instead)


def check_room_for_driver() -> None:
    """Raise InputError if this process cannot join a Ray cluster."""
    what = "the driver of a search on a Ray cluster"
    _check_ulimit("RLIMIT_AS", "-v", MAPPED_BYTES, f"{what} maps memory", "")
    _check_processes(DRIVER_PROCESSES, what, "")


def _check_processes(needed: int, what: str, instead: str) -> None:
    """Raise InputError if fewer than `needed` processes and threads can start. `instead` tells users another way."""
    startable = startable_threads(needed)
    if startable >= needed:
        return
    limits = [limit for limit in (_ulimit("RLIMIT_NPROC", "-u"), *process_bounds(Path("/"))) if limit is not None]
    least = min(limits, key=lambda limit: limit.amount, default=None)
    named = f" ({least.source} is {least.amount:.0f})" if least is not None else ""
    raise InputError(
        f"{what} needs about {needed} more processes and threads, but only {startable} can start"
        f"{named}; end other programs of this user, raise ulimit -u (nproc in "
        f"/etc/security/limits.conf) or the container's limit (docker run --pids-limit){instead and f', {instead}'}"
    )


def _check_ulimit(name: str, option: str, needed: int, what: str, instead: str) -> None:
    """Raise InputError if the limit is below `needed`."""
    limit = _ulimit(name, option)
    if limit is None or limit.amount >= needed:
        return
    sizes = [
        f"{amount:.0f}" if name == "RLIMIT_NOFILE" else f"{amount / GIB:.3g} GiB" for amount in (needed, limit.amount)
    ]
    raise InputError(
        f"{what}: {sizes[0]} in a process, but {limit.source} allows {sizes[1]}; raise that limit"
        f"{instead and f', {instead}'}"
    )


def _threads_of_blas() -> int:
    """Threads that numpy's BLAS starts when it is imported."""
    for name in THREADS_OF_BLAS:
        if (count := os.environ.get(name, "")).isdecimal():
            return int(count) - 1
    return (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1) - 1


def _ulimit(name: str, option: str) -> Bound | None:
    """The soft limit of `ulimit OPTION`; None if there is none."""
    if sys.platform == "win32":
        return None
    import resource

    soft, _ = resource.getrlimit(getattr(resource, name))
    return None if soft == resource.RLIM_INFINITY else Bound(amount=soft, source=f"ulimit {option}")

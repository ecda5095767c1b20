"""Shared memory: how much of /dev/shm is free, and what to do if that is too little.

Docker gives a container 64 MB of shared memory unless `--shm-size` sets another size
(https://docs.docker.com/reference/cli/docker/container/run/).
"""

import math
import os
from pathlib import Path

from se_nas.errors import InputError

SHARED_MEMORY = Path("/dev/shm")
CURE = "docker run --shm-size={gigabytes}g, or mount -o remount,size={gigabytes}g /dev/shm"


def free_bytes(folder: Path) -> int | None:
    """The bytes that this user can still write into a folder; None if there is no such folder."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize


def megabytes(count: int) -> str:
    """A number of bytes as text for people.

    >>> megabytes(64 << 20), megabytes(200 << 10)
    ('64 MiB', '0.2 MiB')
    """
    size = count / (1 << 20)
    return f"{size:,.0f} MiB" if size >= 10 else f"{size:.1f} MiB"


def cure(needed_bytes: int) -> str:
    """The commands that make /dev/shm large enough for twice these bytes, because other programs use it too."""
    return CURE.format(gigabytes=max(1, math.ceil(2 * needed_bytes / (1 << 30))))


def shared_memory_problem(needed_bytes: int) -> str | None:
    """One line that says /dev/shm is too small for the loader processes; None if it is large enough or not used."""
    free = free_bytes(SHARED_MEMORY) if needed_bytes else None
    if free is None or free >= needed_bytes:
        return None
    return (
        f"/dev/shm has {megabytes(free)} free, but reading images while training needs {megabytes(needed_bytes)} "
        f"({cure(needed_bytes)})"
    )


def check_shared_memory(needed_bytes: int) -> None:
    """Raise InputError if /dev/shm is too small for the loader processes."""

    if (problem := shared_memory_problem(needed_bytes)) is not None:
        raise InputError(problem)

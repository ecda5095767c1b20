"""Cures: the remedy for an error, found by the words of the error."""

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

CURES = (
    (
        r"(?i)shared memory|/dev/shm|shm_open|torch_shm|object store.*(space|mmap|fallocate)",
        "/dev/shm is too small: docker run --shm-size=2g",
    ),
    (
        r"AF_UNIX path|socket path .*too long|path too long",
        "the folder for temporary files has too long a name: TMPDIR=/tmp",
    ),
    (
        r"can't start new thread|Resource temporarily unavailable|pthread_create|Cannot fork|Cannot create thread",
        "the limit of processes and threads is reached: raise ulimit -u, or the pids limit of the container",
    ),
    (
        r"failed to map segment|std::bad_alloc|Cannot allocate memory",
        "memory ran out: raise ulimit -v or the container's limit, or use fewer --workers",
    ),
    (r"Too many open files", "raise the limit of open files: ulimit -n 65536"),
    (r"No space left on device|Disk quota exceeded", "the disk is full, or this user's quota"),
    (r"Read-only file system", "the file system of the folder is read-only"),
    (r"Address already in use", "another program uses the port; try again, or end that program"),
    (r"device-side assert", "a label or an index is out of range; CUDA_LAUNCH_BLOCKING=1 shows where"),
    (r"no kernel image is available", "this torch was not built for this GPU: https://pytorch.org/get-started"),
    (r"driver version is insufficient|driver on your system is too old", "update the GPU's driver"),
    (r"invalid device ordinal|No CUDA GPUs are available", "no GPU can be seen: is CUDA_VISIBLE_DEVICES set?"),
    (r"uncorrectable ECC|Xid|fell off the bus", "the GPU is damaged or must be reset"),
)
"""Pairs of a pattern in the text of an error, and its remedy. The first pattern that matches counts."""

LIMIT_REACHED = re.compile(
    "Resource temporarily unavailable|can't start new thread|Too many open files|No space left on device|"
    "Disk quota exceeded|Cannot allocate memory|std::bad_alloc"
)
"""The words in a log that show that a limit was reached. Other words of errors also occur where nothing is wrong."""
LOG_BYTES = 64 << 10
LOG_PREFIX = re.compile(r"^\s*(\[[^]]*\]|[A-Z]\d{4} [\d:. ]+|\S+\.(cc|h):\d+[]:]*|what\(\):|terminate called.*:)\s*")


def cured(reason: str) -> str:
    """The reason followed by its cure, unless the reason contains the cure.

    >>> cured("OSError: [Errno 24] Too many open files")
    'OSError: [Errno 24] Too many open files (raise the limit of open files: ulimit -n 65536)'
    """
    cure = next((cure for pattern, cure in CURES if re.search(pattern, reason)), None)
    return reason if cure is None or cure in reason else f"{reason} ({cure})"


def known_cause(logs: Iterable[Path]) -> str | None:
    """The last line about a limit that was reached in the ends of these files, with its cure; None if there is none."""
    for log in logs:
        with suppress(OSError), log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - LOG_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
            for line in reversed(lines):
                if LIMIT_REACHED.search(line):
                    return cured(_without_prefix(line)[-300:])
    return None


def _without_prefix(line: str) -> str:
    """A line of a log without its time, process and place."""
    while found := LOG_PREFIX.match(line):
        line = line[found.end() :]
    return line

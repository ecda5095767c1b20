"""Where Ray's object store lies: in shared memory, or in a file in Ray's folder where /dev/shm is too small.

Ray itself takes its folder then, without a word (`ray._private.services.determine_plasma_store_config`), and a write
into a file system that is full ends its processes by SIGBUS. So both are looked at before Ray starts.
"""

from pathlib import Path
from typing import Any

from se_nas.errors import InputError
from se_nas.execution.protocol import Tell
from se_nas.machine.shared_memory import SHARED_MEMORY, cure, free_bytes, megabytes

LOGS_BYTES = 32 << 20
"""What Ray's folder must hold beside the object store: logs and sockets."""


def store_settings(store_bytes: int, folder: Path, tell: Tell) -> dict[str, Any]:
    """Settings of `ray.init` for an object store of that size; `tell` is told of one that lies in `folder`.

    InputError where neither /dev/shm nor `folder` has room for it.
    """
    settings: dict[str, Any] = {"object_store_memory": store_bytes}
    shared = free_bytes(SHARED_MEMORY)
    if shared is None or shared >= store_bytes:
        return settings
    on_disk = free_bytes(folder) or 0
    if on_disk < store_bytes + LOGS_BYTES:
        raise InputError(
            f"/dev/shm has {megabytes(shared)} free and {folder.parent} {megabytes(on_disk)}, but Ray's object store "
            f"needs {megabytes(store_bytes)} ({cure(store_bytes)}; or RAY_TMPDIR=FOLDER with more room)"
        )
    tell(
        f"memory    /dev/shm has {megabytes(shared)} free, less than the {megabytes(store_bytes)} of Ray's object "
        f"store, which lies in {folder} instead ({cure(store_bytes)})"
    )
    return {**settings, "_plasma_directory": str(folder)}

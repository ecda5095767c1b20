"""The place of Ray's object store: shared memory, or a file in Ray's folder if /dev/shm is too small.

In that case, Ray itself silently takes its folder (`ray._private.services.determine_plasma_store_config`), and a write
into a full file system ends its processes by SIGBUS. So the free space of both is checked before Ray starts.
"""

from pathlib import Path
from typing import Any

from se_nas.errors import InputError
from se_nas.execution.protocol import PrintLine
from se_nas.machine.shared_memory import SHARED_MEMORY, cure, free_bytes, megabytes

LOGS_BYTES = 32 << 20
"""The space that Ray's folder needs besides the object store, for logs and sockets."""


def store_settings(store_bytes: int, folder: Path, print_line: PrintLine) -> dict[str, Any]:
    """Settings of `ray.init` for an object store of that size. `print_line` gets a line if the store lies in `folder`.

    InputError if neither /dev/shm nor `folder` has room for it.
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
    print_line(
        f"memory    /dev/shm has {megabytes(shared)} free, less than the {megabytes(store_bytes)} of Ray's object "
        f"store, which lies in {folder} instead ({cure(store_bytes)})"
    )
    return {**settings, "_plasma_directory": str(folder)}

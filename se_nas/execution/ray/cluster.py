"""The Ray cluster that trains: a cluster of the search's own on this machine, or an existing cluster.

The search starts and stops its own cluster. A cluster is watched while it is used.
"""

import contextlib
import logging
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ray

from se_nas.errors import InputError, RunFailedError
from se_nas.execution.protocol import PrintLine, print_nothing
from se_nas.execution.ray.environment import worker_environment
from se_nas.execution.ray.shortcuts import fewest_processes, initialise, leave_lost_cluster, silent_driver
from se_nas.execution.ray.store import LOGS_BYTES, store_settings
from se_nas.execution.ray.watch import REFUSALS, ClusterPulse, kill_processes, lost_process
from se_nas.execution.temporary_folders import (
    keep_temporary_folder,
    make_temporary_folder,
    remove_abandoned_folders,
    remove_temporary_folder,
)
from se_nas.execution.watchdog import WatchdogError, watched
from se_nas.machine.cures import cured, known_cause
from se_nas.machine.shared_memory import free_bytes, megabytes
from se_nas.process.streams import native_errors_to

DRIVER_ERRORS = "driver.err"
"""The file in a temporary folder into which native code of this process prints its errors."""
OBJECT_STORE_BYTES = 128 << 20
WATCH_SECONDS = 1.0
STARTS = 3
"""The number of attempts to start. Ray gives its own processes 30 s, and a busy machine may need longer."""
SOCKET_PATH = 107 if sys.platform == "linux" else 103
"""The most characters in the path of a socket (unix(7))."""
BELOW_THE_FOLDER = len("/ray-12345678/session_2026-01-01_00-00-00_000000_1234567/sockets/plasma_store")


@contextlib.contextmanager
def own_cluster(*, workers: int, data_bytes: int, print_line: PrintLine = print_nothing) -> Iterator[Path]:
    """Start a cluster on this machine alone, independent of other clusters. A worker is sent `data_bytes`.

    Yields the folder of the cluster's files. Calls `print_line` with a line if shared memory is too small.
    """
    folder = make_ray_folder()
    start = {
        "address": "local",
        "num_cpus": workers,
        "include_dashboard": False,
        "_temp_dir": str(folder),
    }
    try:
        start |= store_settings(OBJECT_STORE_BYTES + 2 * data_bytes, folder, print_line)
        with silent_driver(), native_errors_to(folder / DRIVER_ERRORS):
            try:
                with fewest_processes():
                    _start(folder, **start)
                with _watched(lost_process, last=kill_processes):
                    yield folder
            finally:
                ray.shutdown()
    except WatchdogError as error:
        keep_temporary_folder(folder)
        error.add_note(f"Ray's logs are in {folder}")
        raise
    except BaseException:
        remove_temporary_folder(folder)
        raise
    remove_temporary_folder(folder)


@contextlib.contextmanager
def joined_cluster(address: str) -> Iterator[Path]:
    """Join an existing cluster at HOST:PORT, which goes on afterwards. Its training processes get the environment
    variables that processes of an own cluster inherit. Yields a folder for temporary files."""
    with _folder_for_files() as folder, silent_driver(), native_errors_to(folder / DRIVER_ERRORS):
        try:
            _join(address)
            pulse = ClusterPulse(address)
            with _watched(pulse.problem):
                yield folder
            pulse.stop()
        except WatchdogError:
            leave_lost_cluster()
            raise
        except BaseException:
            ray.shutdown()
            raise
        ray.shutdown()


@contextlib.contextmanager
def _folder_for_files() -> Iterator[Path]:
    """A temporary folder, where Python puts them."""
    place = Path(tempfile.gettempdir())
    remove_abandoned_folders(place)
    folder = make_temporary_folder(place)
    try:
        yield folder
    finally:
        remove_temporary_folder(folder)


@contextlib.contextmanager
def _watched(problem: Callable[[], str | None], last: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Raise WatchdogError as soon as there is a `problem`, also instead of an error of Ray that the problem causes."""
    try:
        with watched(problem, every=WATCH_SECONDS, last=last):
            yield
    except (InputError, RunFailedError):
        raise
    except Exception:
        for _ in range(REFUSALS):
            if (said := problem()) is not None:
                raise WatchdogError(said) from None
            time.sleep(WATCH_SECONDS)
        raise


def _start(folder: Path, **settings: Any) -> None:
    """Start a cluster. InputError says in one line why it could not be started."""
    for attempt in range(STARTS):
        try:
            _connect(**settings)
            return
        except Exception as error:  # noqa: BLE001 - Ray has no class of its own for these
            if "timed out during startup" in str(error) and attempt < STARTS - 1:
                continue
            cause = known_cause([folder / DRIVER_ERRORS, *_logs(folder)])
            raise InputError(
                f"a Ray cluster on this machine, with its files in {folder.parent}, could not be started: "
                f"{cause or cured(_reason(error))}; --workers 1 trains without Ray"
            ) from None


def _join(address: str) -> None:
    """Join a cluster. InputError says in one line why it could not be joined."""
    try:
        _connect(address=address, runtime_env={"env_vars": worker_environment()})
    except Exception as error:  # noqa: BLE001 - Ray has no class of its own for these
        raise InputError(f"--address {address}: could not be joined ({cured(_reason(error))})") from None


def _connect(**settings: Any) -> None:
    for name in ("ray", "ray.tune", "ray.air", "ray.train", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    on_terminate = signal.getsignal(signal.SIGTERM)
    try:
        initialise(log_to_driver=False, logging_level=logging.CRITICAL, **settings)
    finally:
        signal.signal(signal.SIGTERM, on_terminate)  # Ray has set its own handler, which saves nothing


def _logs(folder: Path) -> list[Path]:
    """The files in which the processes of a cluster that has not started may say why, the newest first."""
    logs = [log for pattern in ("*.err", "*.out", "*.log") for log in folder.glob(f"session_*/logs/{pattern}")]
    return sorted(logs, key=lambda log: log.stat().st_mtime, reverse=True)


def _reason(error: BaseException) -> str:
    """The last line of the innermost error."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1][-300:]}" if lines else type(error).__name__


def make_ray_folder() -> Path:
    """Make a folder for Ray's sockets and logs that no other program uses. Its path is short enough for a socket."""
    room = SOCKET_PATH - BELOW_THE_FOLDER
    wanted = os.environ.get("RAY_TMPDIR")
    if wanted is not None and len(str(Path(wanted).absolute())) > room:
        raise InputError(
            f"RAY_TMPDIR={wanted}: too long a path for Ray's sockets; expected at most {room} characters, e.g. /tmp"
        )
    places = [wanted] if wanted is not None else [tempfile.gettempdir(), "/tmp"]
    reasons = []
    for place in places:
        if len(str(Path(place).absolute())) > room:
            continue
        remove_abandoned_folders(Path(place))
        free = free_bytes(Path(place))
        if free is not None and free < LOGS_BYTES:
            reasons.append(f"{place}: {megabytes(free)} free, Ray needs {megabytes(LOGS_BYTES)} for its logs")
            continue
        try:
            return make_temporary_folder(Path(place))
        except OSError as error:
            reasons.append(f"{place}: {error.strerror}")
    raise InputError(
        f"no folder for Ray's files ({'; '.join(reasons)}); free some space, or set RAY_TMPDIR to a folder with room"
    )

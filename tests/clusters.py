"""Ray clusters on this machine, started as another user would start them."""

import contextlib
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import ray

from tests.processes import is_trainer

ATTEMPTS = 5
"""The number of attempts. Ray gives a head half a minute to start, and a busy machine may need longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedCluster:
    """A cluster of one machine, as `ray start --head` makes it.

    `folder` contains its files, and the command line of each of its processes contains `folder`.
    """

    address: str
    folder: Path

    def processes(self, name: str = "") -> list[psutil.Process]:
        """The cluster's processes, or only those with this name, e.g. raylet."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if str(self.folder) in " ".join(process.cmdline()) and process.name().startswith(name):
                    found.append(process)
        return found

    def kill(self, name: str = "") -> None:
        """Kill (-9) these processes."""
        for process in self.processes(name):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def freeze(self, name: str) -> None:
        """Suspend these processes without ending them, so that they no longer answer."""
        for process in self.processes(name):
            process.suspend()


@contextlib.contextmanager
def started_cluster(
    *, cpus: int = 2, token: str | None = None, version: str = ray.__version__, **environment: str
) -> Iterator[StartedCluster]:
    """Start a head and kill it afterwards. It asks for the `token`, if there is one, and reports this `version`."""
    folder = Path(tempfile.mkdtemp(prefix="r", dir="/tmp"))  # the path of a socket has at most 107 characters
    made = StartedCluster(address=f"127.0.0.1:{_free_port()}", folder=folder)
    program = f"import ray; ray.__version__ = {version!r}; from ray.scripts.scripts import main; main()"
    command = [sys.executable, "-c", program, "start", "--head", "--port", made.address.split(":")[1]]
    command += ["--temp-dir", str(folder), "--num-cpus", str(cpus), "--object-store-memory", str(100 << 20)]
    command += ["--include-dashboard=false", "--disable-usage-stats"]
    given = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    given |= {"RAY_AUTH_MODE": "disabled", **environment}  # or Ray would take the token of ~/.ray, if there is one
    if token is not None:
        given |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}
    try:
        for _ in range(ATTEMPTS):
            done = subprocess.run(command, env=given, capture_output=True, text=True)
            if done.returncode == 0:
                break
            made.kill()
        assert done.returncode == 0, done.stdout + done.stderr
        yield made
    finally:
        made.kill()
        shutil.rmtree(folder, ignore_errors=True)


ON_ONE_HOST = ["--min-worker-port", "0", "--max-worker-port", "0", "--dashboard-agent-listen-port", "0"]
ON_ONE_HOST += ["--dashboard-agent-grpc-port", "0", "--metrics-export-port", "0"]
"""The flags with which several machines of a cluster, simulated on one host, use no port twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedMachine:
    """A machine that has joined a cluster: Ray's processes, with file systems of their own."""

    start: psutil.Process

    def trainers(self) -> list[psutil.Process]:
        """The workers that train there."""
        found = []
        for process in self.start.children(recursive=True):
            with contextlib.suppress(psutil.Error):  # it has ended meanwhile
                if is_trainer(process):
                    found.append(process)
        return found

    def die(self) -> None:
        """Kill (-9) all processes of the machine."""
        with contextlib.suppress(psutil.NoSuchProcess):
            processes = [self.start, *self.start.children(recursive=True)]
            for process in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(processes, timeout=800)


def own_file_systems() -> list[str] | None:
    """The command before another one that gives it its own mounts; None if this user may not have them."""
    for command in (["unshare", "-m"], ["unshare", "-rm"]):
        with contextlib.suppress(OSError):
            if subprocess.run([*command, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode == 0:
                return command
    return None


@contextlib.contextmanager
def joined_machine(
    cluster: StartedCluster, *hidden: Path, cpus: int = 1, **environment: str
) -> Iterator[StartedMachine]:
    """Let a machine join a cluster without a token, and kill it afterwards. Empty folders lie where `hidden` lie."""
    before = own_file_systems() if hidden else []
    assert before is not None, "this user may not mount file systems"
    if hidden:
        mounts = " && ".join(f"mount -t tmpfs none {shlex.quote(str(folder))}" for folder in hidden)
        before += ["sh", "-c", f'{mounts} && exec "$@"', "sh"]
    call = [*before, str(Path(sys.executable).parent / "ray"), "start", "--address", cluster.address, "--block"]
    call += ["--num-cpus", str(cpus), "--object-store-memory", str(100 << 20), "--disable-usage-stats", *ON_ONE_HOST]
    given = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    given |= {"RAY_AUTH_MODE": "disabled", **environment}
    for _ in range(ATTEMPTS):
        start = subprocess.Popen(call, env=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        machine = StartedMachine(start=psutil.Process(start.pid))
        assert start.stdout is not None
        said = []
        for line in start.stdout:
            said.append(line)
            if "Ray runtime started" in line:
                break
        if start.poll() is None and said and "Ray runtime started" in said[-1]:
            break
        machine.die()
    else:
        raise AssertionError("".join(said))
    try:
        yield machine
    finally:
        machine.die()
        start.wait()
        start.stdout.close()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])

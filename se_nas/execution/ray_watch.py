"""Whether the Ray cluster that trains is still there. Ray alone would end this process without a word."""

import socket
import subprocess
import threading
import time

import ray

from se_nas.execution.ray_survey import ANSWER, asking

SILENT_SECONDS = 12.0
"""A cluster answers within milliseconds; after this long without an answer it counts as lost."""
ASK_SECONDS = 1.0
REFUSALS = 3
"""Times in a row that a machine says nothing listens there any more, before it is believed."""


def lost_process() -> str | None:
    """Which process of a cluster that this process has started has died."""
    node = ray._private.worker._global_node
    dead = [] if node is None else node.dead_processes()
    return f"Ray's {dead[0][0]} has died" if dead else None


def kill_processes() -> None:
    """Take down the rest of a cluster that this process has started, workers too."""
    node = ray._private.worker._global_node
    if node is not None:
        node.kill_all_processes(check_alive=False, allow_graceful=False)


class ClusterPulse:
    """Watches a cluster that others have started: its head, and Ray's process on this machine.

    A machine that is up says at once that a process has died there: nothing listens on its port any more. A machine, or
    a network, that is gone says nothing; so a process asks the cluster again and again, and its last answer is looked
    at. It is none of our threads, because Ray keeps the interpreter's lock while it waits for an answer.
    """

    def __init__(self, address: str) -> None:
        here = ray.get_runtime_context().get_node_id()
        self._ports = {f"the head of the Ray cluster at {address}": _host_and_port(address)}
        for node in ray.nodes():
            if node["NodeID"] == here:
                self._ports["Ray's raylet on this machine"] = (node["NodeManagerAddress"], node["NodeManagerPort"])
        self._address = address
        self._refusals = dict.fromkeys(self._ports, 0)
        self._answered: float | None = None
        self._over = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        threading.Thread(target=self._ask, daemon=True).start()

    def problem(self) -> str | None:
        """What is lost; None while all is well. It returns within a second or two."""
        for name, (host, port) in self._ports.items():
            self._refusals[name] = self._refusals[name] + 1 if _refuses(host, port) else 0
            if self._refusals[name] >= REFUSALS:
                return f"{name} has died"
        answered = self._answered
        if answered is not None and (silent := time.monotonic() - answered) > SILENT_SECONDS:
            return f"the Ray cluster at {self._address} has not answered for {silent:.0f} s"
        return None

    def stop(self) -> None:
        """Ask no more."""
        self._over.set()
        if self._process is not None:
            self._process.kill()

    def _ask(self) -> None:
        """Note each answer. A process that has ended says nothing of the cluster: another one asks in its place."""
        while not self._over.wait(ASK_SECONDS):
            with asking(self._address, again_after=ASK_SECONDS) as self._process:
                assert self._process.stdout is not None
                for line in self._process.stdout:
                    if line.startswith(ANSWER):
                        self._answered = time.monotonic()
                    if self._over.is_set():
                        return
            self._answered = None


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _refuses(host: str, port: int) -> bool:
    """Whether the machine says that nothing listens there. Silence is no refusal."""
    try:
        socket.create_connection((host, port), timeout=ASK_SECONDS).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False

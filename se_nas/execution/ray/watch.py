"""Watches whether the Ray cluster is alive. Without this, Ray ends the process of the search without a message."""

import contextlib
import socket
import threading
import time

import ray

from se_nas.execution.ray.shortcuts import private

SILENT_SECONDS = 12.0
"""The time without an answer after which a cluster counts as lost. It normally answers within milliseconds."""
ASK_SECONDS = 1.0
REFUSALS = 3
"""The number of refused connections in a row after which a process counts as dead."""


def lost_process() -> str | None:
    """The dead process of a cluster that this process has started; None if all its processes are alive.

    If a version of Ray does not say, it is None too. Then Ray itself ends the process of the search, later.
    """
    look = getattr(private("ray._private.worker._global_node"), "dead_processes", None)
    dead = [] if look is None else look()
    return f"Ray's {dead[0][0]} has died" if dead else None


def kill_processes() -> None:
    """End the remaining processes of a cluster that this process has started, including workers."""
    kill = getattr(private("ray._private.worker._global_node"), "kill_all_processes", None)
    if kill is not None:
        kill(check_alive=False, allow_graceful=False)


class ClusterPulse:
    """Watches an existing cluster: its head, and Ray's process on this machine.

    If a process has died, its machine refuses a connection at once. A lost machine or network does not answer at all.
    So a thread asks the cluster every second, and `problem` looks at the time of the last answer.
    """

    def __init__(self, address: str) -> None:
        here = ray.get_runtime_context().get_node_id()
        self._ports = {f"the head of the Ray cluster at {address}": _host_and_port(address)}
        for node in ray.nodes():
            if node["NodeID"] == here:
                self._ports["Ray's raylet on this machine"] = (node["NodeManagerAddress"], node["NodeManagerPort"])
        self._address = address
        self._refusals = dict.fromkeys(self._ports, 0)
        self._answered = time.monotonic()
        self._over = threading.Event()
        self._asks = threading.Thread(target=self._ask, daemon=True)
        self._asks.start()

    def problem(self) -> str | None:
        """The lost part of the cluster; None if nothing is lost. Returns within a second or two."""
        for name, (host, port) in self._ports.items():
            self._refusals[name] = self._refusals[name] + 1 if _refuses(host, port) else 0
            if self._refusals[name] >= REFUSALS:
                return f"{name} has died"
        silent = time.monotonic() - self._answered
        if silent > SILENT_SECONDS:
            return f"the Ray cluster at {self._address} has not answered for {silent:.0f} s"
        return None

    def stop(self) -> None:
        """Stop the thread that asks, and wait for it at most `SILENT_SECONDS`."""
        self._over.set()
        self._asks.join(SILENT_SECONDS)

    def _ask(self) -> None:
        while not self._over.wait(ASK_SECONDS):
            with contextlib.suppress(Exception):  # an error is no answer
                ray.nodes()
                self._answered = time.monotonic()


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _refuses(host: str, port: int) -> bool:
    """Whether the machine refuses the connection. No answer is not a refusal."""
    try:
        socket.create_connection((host, port), timeout=ASK_SECONDS).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False

"""The capacity of an existing Ray cluster: a process asks for its machines before the search uses them.

A separate process asks, because Ray waits minutes for a dead cluster and cannot be interrupted.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from typing import Any

from se_nas.errors import InputError
from se_nas.machine.cures import cured
from se_nas.wording import counted, printable

ANSWER_SECONDS = 20.0
"""The time after which a cluster counts as dead or unreachable. It normally answers within a second or two."""
ANSWER_IMPORTS = 15.0
"""On a slow or busy machine, an answer may take this many times as long as the import of Ray."""
LISTEN_SECONDS = 5.0
ASKING, CONNECTED = "asking", "connected"
PROBE_LIMIT = 300.0
"""Seconds for the first actor of this process. The cluster has answered by then, but it has to start a process."""
PROBES, PROBE_SECONDS = 3, 0.3
NO_TOKEN_WANTED = "the cluster uses no token, but RAY_AUTH_MODE=token is set here; set RAY_AUTH_MODE=disabled"
REFUSED = ("InvalidAuthToken", "Unauthenticated", "AuthenticationError")
"""Words in Ray's messages if the cluster and this process do not have the same token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterCapacity:
    """The machines that a cluster has now, and their total CPU cores and GPUs. `address` is HOST:PORT.

    `with_token`: the cluster was joined with a token, which Ray may have found by itself.
    """

    address: str
    machines: int
    cpus: int
    gpus: int
    with_token: bool = False

    @property
    def description(self) -> str:
        """Text for people: where the cluster is and what it has.

        >>> ClusterCapacity(address="10.0.0.1:6379", machines=3, cpus=24, gpus=0).description
        'the Ray cluster at 10.0.0.1:6379 (3 machines, 24 CPU cores)'
        """
        gpus = [counted(self.gpus, "GPU")] if self.gpus else []
        parts = [counted(self.machines, "machine"), counted(self.cpus, "CPU core"), *gpus]
        return f"the Ray cluster at {self.address} ({', '.join(parts)})"


def ask_capacity(address: str) -> ClusterCapacity:
    """Ask the cluster at `address` (HOST:PORT or `auto`) for its machines. InputError says why there is no answer."""
    _check_listening(address)
    command = [sys.executable, "-m", "se_nas.execution.ray.capacity", address]
    pipe, merged = subprocess.PIPE, subprocess.STDOUT
    with subprocess.Popen(command, stdout=pipe, stderr=merged, text=True, errors="replace") as asks:
        try:
            return _read_answer(asks, address)
        finally:
            asks.kill()


def _check_listening(address: str) -> None:
    """Raise InputError if a search cannot use `address` or if nothing listens there. Takes a few seconds at most."""
    named = printable(address)
    if "://" in address:
        raise InputError(
            f"--address {named}: Ray Client is not supported; start the search on a machine of the cluster, with "
            "--address auto or with HOST:PORT of the cluster's head"
        )
    if address == "auto" and (where := os.environ.get("RAY_ADDRESS")) and where != "auto":
        address, named = where, f"auto (RAY_ADDRESS={printable(where)})"
    host, colon, port = address.rpartition(":")
    if not colon:
        if address == "auto":
            return
        raise InputError(f"--address {named}: expected auto or HOST:PORT")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=LISTEN_SECONDS).close()
    except (OSError, ValueError, OverflowError) as error:
        raise InputError(f"--address {named}: cannot be reached ({error})") from None


def _read_answer(asks: "subprocess.Popen[str]", address: str) -> ClusterCapacity:
    """Read the answer of the process that asks. Its time limit starts when it has imported Ray."""
    assert asks.stdout is not None
    said, last_line, seconds, late = "", "", ANSWER_SECONDS, None
    too_late = threading.Event()

    def give_up() -> None:
        too_late.set()
        asks.kill()

    def give_up_after(seconds: float) -> threading.Timer:
        timer = threading.Timer(seconds, give_up)
        timer.start()
        return timer

    try:
        for line in asks.stdout:
            if line.startswith(ASKING):
                seconds = max(ANSWER_SECONDS, ANSWER_IMPORTS * float(line.removeprefix(ASKING)))
                late = give_up_after(seconds)
            elif line.startswith(CONNECTED) and late is not None:
                late.cancel()
                seconds, late = PROBE_LIMIT, give_up_after(PROBE_LIMIT)
            elif any(word in line for word in REFUSED):
                raise InputError(f"--address {address}: {_about_the_token()}")
            elif line.startswith('{"answer": '):
                return ClusterCapacity(**_first_value(line)["answer"])
            elif line.startswith('{"error": '):
                said = _first_value(line)["error"]
            else:
                last_line = line.strip() or last_line
    finally:
        if late is not None:
            late.cancel()
    if not said and not too_late.is_set():
        said = f"the process that asked it ended without an answer, with exit code {asks.wait()}: {last_line}"
    if said:
        raise InputError(f"--address {address}: cannot be used ({cured(printable(said))})")
    raise InputError(
        f"--address {address}: no answer within {seconds:.0f} s; is the cluster alive? expected HOST:PORT of a "
        "running head (`ray start --head` prints it), or no --address for a cluster of the search's own"
    )


def _first_value(line: str) -> dict[str, Any]:
    """The JSON value with which a line begins. Ray's own log may follow it in the same line."""
    value: dict[str, Any] = json.JSONDecoder().raw_decode(line)[0]
    return value


def _about_the_token() -> str:
    """The problem with the token, judged by this process's environment."""
    if os.environ.get("RAY_AUTH_MODE", "").lower() != "token":
        return (
            "the cluster asks for a token; set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH "
            "to the cluster's token unless that is in ~/.ray/auth_token"
        )
    if "RAY_AUTH_TOKEN" in os.environ:
        source = "RAY_AUTH_TOKEN"
    else:
        source = os.environ.get("RAY_AUTH_TOKEN_PATH") or "~/.ray/auth_token"
    return f"the cluster does not accept the token in {source}, or there is none; expected the cluster's own token"


def _answer(address: str) -> None:
    """Print the cluster's resources, or why it cannot be used, as one line of JSON."""
    began = time.monotonic()
    import ray

    print(ASKING, time.monotonic() - began, flush=True)  # noqa: T201
    try:
        context = ray.init(address=address, log_to_driver=False)
        alive = [node for node in ray.nodes() if node["Alive"]]
        has = ray.cluster_resources()
        with_token = os.environ.get("RAY_AUTH_MODE", "").lower() == "token"
        print(CONNECTED, flush=True)  # noqa: T201
        if with_token and not _keeps_actors():
            print(json.dumps({"error": NO_TOKEN_WANTED}), flush=True)  # noqa: T201
            return
    except Exception as error:  # noqa: BLE001 - the process that waits raises it
        cause = error.__cause__ or error
        lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
        said = str(error) if cause is error else f"{error}: {lines[-1] if lines else cause!r}"
        if isinstance(error, ray.exceptions.AuthenticationError):
            said = said.partition(". ")[0]  # the rest is Ray's advice
        print(json.dumps({"error": " ".join(said.split())[:400]}), flush=True)  # noqa: T201
        return
    found = ClusterCapacity(
        address=context.address_info["gcs_address"],
        machines=len(alive),
        cpus=int(has.get("CPU", 0)),
        gpus=int(has.get("GPU", 0)),
        # With `auto`, Ray takes the token of ~/.ray (Ray 2.60, ray/_private/worker.py); with HOST:PORT it does not.
        with_token=with_token,
    )
    print(json.dumps({"answer": asdict(found)}), flush=True)  # noqa: T201


def _keeps_actors() -> bool:
    """Whether an actor of this process stays alive on the cluster.

    If the cluster uses no tokens and this process does, this process refuses the cluster's questions about its actors.
    Then the cluster assumes that the owner of an actor has died, and ends the actor.
    """
    import ray

    class Probe:
        def answer(self) -> None:
            pass

    probe = ray.remote(num_cpus=0, max_restarts=0)(Probe).remote()
    try:
        for _ in range(PROBES):
            ray.get(probe.answer.remote())
            time.sleep(PROBE_SECONDS)
    except ray.exceptions.RayActorError:
        return False
    return True


if __name__ == "__main__":
    _answer(sys.argv[1])

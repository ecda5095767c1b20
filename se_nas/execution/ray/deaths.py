"""Deaths of workers: which signal killed a worker, and whether the kernel's out-of-memory killer sent it.

Ray reports that a process has died, and guesses why. The process itself wrote which signal killed it
(`se_nas.process.last_words`), and the kernel counts its out-of-memory kills. The search reads both on the machine where
the process died.
"""

import re
import signal
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from se_nas.execution.ray.worker import Arrival
from se_nas.execution.reasons import sentence_of, shortened
from se_nas.machine.control_groups import memory_kills
from se_nas.machine.cures import cured
from se_nas.process.last_words import name_of, read_words
from se_nas.searching.failures import Failure, FailureKind

AS_IT_STARTED = "killed as it started"
"""The reason of a worker that died before its first report, if nothing more is known (often too little memory)."""
NODE_IS_GONE = re.compile(r"its node has died|[Nn]ode was terminated|NodeDiedError")
LOOKING_SECONDS = 20.0
"""The time that a machine may take to report a death."""


class Deaths:
    """Explains the deaths of a cluster's workers. `words` is the folder into which workers write their last words.

    `memory_kills` is the number of out-of-memory kills before the search, by machine, as far as it is known.
    """

    def __init__(self, words: Path, memory_kills: Mapping[str, int]) -> None:
        self._words = words
        self._arrivals: dict[str, Arrival] = {}  # by actor
        self._explained = Counter(memory_kills)  # number of out-of-memory kills on each machine that are explained

    def arrived(self, arrival: Arrival) -> None:
        """Note on which machine a worker is."""
        self._arrivals[arrival.actor] = arrival
        if arrival.node not in self._explained:
            self._explained[arrival.node] = arrival.memory_kills

    def explain(self, said: str) -> Failure:
        """The failure that describes a worker's death; `said` is the text of Ray's error."""
        found = re.search(r"actor_id[:=]\s*([0-9a-f]+)", said)
        arrival = self._arrivals.pop(found[1], None) if found else None
        node = arrival.node if arrival else _node_in(said)
        if "running low on memory" in said:
            reason = "killed for memory by Ray: the machine was running low on it"
            return Failure(kind=FailureKind.MEMORY, reason=reason, node=node)
        if "error raised in its creation task" in said:
            return Failure(kind=FailureKind.PLACE, reason=cured(shortened(sentence_of(said))), node=node, at_once=True)
        if NODE_IS_GONE.search(said):
            reason = "killed with its machine, which has left the cluster"
            return Failure(kind=FailureKind.KILLED, reason=reason, node=node)
        if arrival is not None:
            killed = Failure(kind=FailureKind.KILLED, reason="killed by signal 9 (SIGKILL)", signal=signal.SIGKILL)
            return self._from_words(arrival.node, arrival.process, otherwise=killed)
        process = re.search(r"^\s*pid: (\d+)$", said, re.MULTILINE)
        node = node or _node_at(said)
        unknown = Failure(kind=FailureKind.KILLED, reason=f"{AS_IT_STARTED}{_detail(said)}", node=node, at_once=True)
        if process is None or not node:
            return unknown
        return replace(self._from_words(node, int(process[1]), otherwise=unknown), at_once=True)

    def _from_words(self, node: str, process: int, *, otherwise: Failure) -> Failure:
        """The failure that a process's last words and the kernel's count show; else `otherwise`."""
        seen = _look(self._words / str(process), node)
        if seen is None:
            return Failure(
                kind=FailureKind.KILLED, reason="killed with its machine, or with Ray's process there", node=node
            )
        text, kills = seen
        words = read_words(text)
        if words.said:
            return Failure(reason=words.said, node=node)
        if words.number is not None:
            reason = f"killed by {name_of(words.number)}"
            return Failure(kind=FailureKind.KILLED, reason=reason, node=node, signal=words.number)
        if kills > self._explained.get(node, kills):
            self._explained[node] += 1
            reason = "killed for memory by the kernel (signal 9, SIGKILL)"
            return Failure(kind=FailureKind.MEMORY, reason=reason, node=node)
        return replace(otherwise, node=node)


def _node_in(said: str) -> str:
    found = re.search(r"[Nn]ode[ _]?[Ii][Dd]:?\s*([0-9a-f]{56})", said)
    return found[1] if found else ""


def _node_at(said: str) -> str:
    """Ray's identifier of the machine whose address is in the text; empty unless exactly one machine has it."""
    found = re.search(r"^\s*ip: (\S+)$", said, re.MULTILINE)
    nodes = [node["NodeID"] for node in ray.nodes() if found and node["NodeManagerAddress"] == found[1]]
    return nodes[0] if len(nodes) == 1 else ""


def _detail(said: str) -> str:
    """Ray's own explanation of a death; empty if it only says that the connection was lost, as after each signal.

    >>> _detail("The actor is dead because it was killed by `ray.kill`.\\nThe actor never ran.")
    ' (Ray says: it was killed by `ray.kill`)'
    """
    for pattern in (r"Worker exit detail: (.+)", r"The actor is dead because (.+)"):
        found = re.search(pattern, said)
        if found and "connection error code" not in found[1]:
            return f" (Ray says: {shortened(sentence_of(found[1]).rstrip('. '))})"
    return ""


def _look(words: Path, node: str) -> tuple[str, int] | None:
    """A worker's last words and the number of out-of-memory kills on its machine; None if the machine is gone."""
    if node == ray.get_runtime_context().get_node_id():
        return read_on_its_machine(words)
    there = NodeAffinitySchedulingStrategy(node, soft=False)
    look = ray.remote(num_cpus=0, max_retries=0)(read_on_its_machine).options(scheduling_strategy=there)
    with suppress(ray.exceptions.RayError):
        seen: tuple[str, int] = ray.get(look.remote(words), timeout=LOOKING_SECONDS)
        return seen
    return None


def read_on_its_machine(words: Path) -> tuple[str, int]:
    """Read and remove a file of last words; return them and the number of out-of-memory kills on this machine."""
    text = ""
    with suppress(OSError):
        text = words.read_text(errors="replace")
        words.unlink()
    return text, memory_kills(Path("/"))

"""Deaths of workers: which signal killed a worker, and whether the kernel's out-of-memory killer sent it.

Ray reports that a process has died, and guesses why. The process itself wrote which signal killed it
(`se_nas.last_words`), and the kernel counts its out-of-memory kills. Both are read on the machine where it died.
"""

import re
from collections import Counter
from contextlib import suppress
from pathlib import Path

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from se_nas.control_groups import memory_kills
from se_nas.execution.ray_worker import Arrival
from se_nas.execution.reasons import cured, sentence_of, shortened
from se_nas.last_words import name_of, read_words
from se_nas.search.failures import Failure, FailureKind

NODE_IS_GONE = re.compile(r"its node has died|[Nn]ode was terminated|NodeDiedError")
LOOKING_SECONDS = 20.0
"""The time that a machine may take to report a death."""


class Deaths:
    """Explains the deaths of a cluster's workers. `words` is the folder that workers write their last words into."""

    def __init__(self, words: Path) -> None:
        self._words = words
        self._arrivals: dict[str, Arrival] = {}  # by actor
        self._explained: Counter[str] = Counter()  # number of out-of-memory kills on each machine that are explained

    def arrived(self, arrival: Arrival) -> None:
        """Note where a worker is."""
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
        if arrival is None:
            return Failure(kind=FailureKind.KILLED, reason="killed as it started", node=node, at_once=True)
        return self._from_words(arrival)

    def _from_words(self, arrival: Arrival) -> Failure:
        seen = _look(self._words / str(arrival.process), arrival.node)
        if seen is None:
            return Failure(kind=FailureKind.KILLED, reason="killed with its machine, or its Ray", node=arrival.node)
        text, kills = seen
        words = read_words(text)
        if words.said:
            return Failure(reason=words.said, node=arrival.node)
        if words.number is not None:
            return Failure(kind=FailureKind.KILLED, reason=f"killed by {name_of(words.number)}", node=arrival.node)
        if kills > self._explained[arrival.node]:
            self._explained[arrival.node] += 1
            reason = "killed for memory by the kernel (signal 9, SIGKILL)"
            return Failure(kind=FailureKind.MEMORY, reason=reason, node=arrival.node)
        return Failure(kind=FailureKind.KILLED, reason="killed by signal 9 (SIGKILL)", node=arrival.node)


def _node_in(said: str) -> str:
    found = re.search(r"[Nn]ode[ _]?[Ii][Dd]:?\s*([0-9a-f]{56})", said)
    return found[1] if found else ""


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

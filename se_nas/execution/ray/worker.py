"""The Ray actor that trains one trial after another for Tune, and its first report, which says where it runs."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray
from ray import tune

from se_nas.execution.protocol import Evaluate, next_report
from se_nas.machine.control_groups import memory_kills
from se_nas.process.last_words import leave_words
from se_nas.searching.failures import Failure
from se_nas.searching.tasks import EpochReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A worker's first report: its process, its machine, and the number of out-of-memory kills there so far.

    `node` is Ray's identifier of the machine.
    """

    actor: str
    node: str
    process: int
    memory_kills: int


def worker_class(evaluate: Evaluate, *, epoch_seconds: float, words: Path) -> type[tune.Trainable]:
    """The class of the actor, with `evaluate`, which trains a trial. Ray keeps one copy of `evaluate` on each machine.

    `words` is a folder on the worker's machine, into which the worker writes its last words.
    """
    return tune.with_parameters(  # type: ignore[no-any-return]
        _Worker, evaluate=evaluate, epoch_seconds=epoch_seconds, words=words
    )


class _Worker(tune.Trainable):  # type: ignore[misc]
    """A Ray actor that trains one trial after another. Tune reuses it, so that torch and the images load only once."""

    def setup(self, config: dict[str, Any], evaluate: Evaluate, epoch_seconds: float, words: Path) -> None:
        self._evaluate, self._epoch_seconds = evaluate, epoch_seconds
        with suppress(OSError):  # without last words, the cause of a death stays unknown
            words.mkdir(parents=True, exist_ok=True)
            leave_words(os.open(words / str(os.getpid()), os.O_CREAT | os.O_WRONLY | os.O_APPEND))
        context = ray.get_runtime_context()
        self._arrival: Arrival | None = Arrival(
            actor=context.get_actor_id() or "",
            node=context.get_node_id(),
            process=os.getpid(),
            memory_kills=memory_kills(Path("/")),
        )
        self._node = self._arrival.node
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._reports: Iterator[EpochReport] = self._evaluate(new_config["task"])
        self.config: dict[str, Any] = {}  # Tune would send it back with each report
        self._at_once = True
        return True

    def step(self) -> dict[str, Any]:
        if self._arrival is not None:
            arrival, self._arrival = self._arrival, None
            return {"report": arrival, "machine": self._node}
        report = next_report(self._reports, epoch_seconds=self._epoch_seconds)
        if isinstance(report, Failure):
            report = replace(report, node=self._node, at_once=self._at_once)
        self._at_once = False
        return {"report": report, "machine": self._node}

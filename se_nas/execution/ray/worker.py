"""The Ray actor that trains one trial after another for Tune, and its first report, which says where it runs."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray
from ray import tune

from se_nas.execution.carried_files import OwnFiles, Parcel
from se_nas.execution.marked_folder import MarkedFolder
from se_nas.execution.protocol import Evaluate, WritesFiles, next_report
from se_nas.execution.reasons import failure_of
from se_nas.machine.control_groups import memory_kills
from se_nas.process.last_words import leave_words
from se_nas.searching.failures import Failure
from se_nas.searching.tasks import EpochReport, TrialTask


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A worker's first report: its process, its machine, and the number of out-of-memory kills there so far.

    `node` is Ray's identifier of the machine.
    """

    actor: str
    node: str
    process: int
    memory_kills: int


def worker_class(
    evaluate: Evaluate, *, epoch_seconds: float, words: Path, folder: MarkedFolder | None = None
) -> type[tune.Trainable]:
    """The class of the actor, with `evaluate`, which trains a trial. Ray keeps one copy of `evaluate` on each machine.

    `words` is a folder on the worker's machine, into which the worker writes its last words. `folder` is the folder
    that `evaluate` writes into, if machines of the cluster may not see it.
    """
    return tune.with_parameters(  # type: ignore[no-any-return]
        _Worker, evaluate=evaluate, epoch_seconds=epoch_seconds, words=words, folder=folder
    )


class _Worker(tune.Trainable):  # type: ignore[misc]
    """A Ray actor that trains one trial after another. Tune reuses it, so that torch and the images load only once."""

    def setup(
        self,
        config: dict[str, Any],
        evaluate: Evaluate,
        epoch_seconds: float,
        words: Path,
        folder: MarkedFolder | None,
    ) -> None:
        self._evaluate, self._epoch_seconds = evaluate, epoch_seconds
        self._own_files: OwnFiles | None = None
        if folder is not None and isinstance(evaluate, WritesFiles) and folder.problem_here() is not None:
            self._own_files = OwnFiles()
            self._evaluate = evaluate.writing_into(self._own_files.path)
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
        self._reports = self._train(new_config["task"], new_config["files"])
        self.config: dict[str, Any] = {}  # Tune would send it back with each report
        self._at_once = True
        return True

    def step(self) -> dict[str, Any]:
        if self._arrival is not None:
            arrival, self._arrival = self._arrival, None
            return {"report": arrival, "machine": self._node, "files": None}
        report = next_report(self._reports, epoch_seconds=self._epoch_seconds)
        if isinstance(report, Failure):
            report = replace(report, node=self._node, at_once=self._at_once)
        self._at_once = False
        files = None
        try:
            files = self._own_files and self._own_files.written()
        except OSError as error:
            report = replace(failure_of(error), node=self._node)
        return {"report": report, "machine": self._node, "files": files}

    def cleanup(self) -> None:
        if self._own_files is not None:
            self._own_files.remove()

    def _train(self, task: TrialTask, files: Parcel) -> Iterator[EpochReport]:
        if self._own_files is not None:
            self._own_files.begin(files)
        yield from self._evaluate(task)

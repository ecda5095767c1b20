"""Machines: which of a cluster's machines may train, and why the others may not.

Each machine is checked before its first trial, also a machine that joins later. If trainings fail repeatedly on one
machine while others go well elsewhere, it gets no more work. Ray labels each machine with its identifier
(https://docs.ray.io/en/latest/ray-core/scheduling/labels.html), and a trial asks for a machine that may train.
"""

import functools
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import ray
from ray import tune
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from se_nas.errors import RunFailedError
from se_nas.execution.marked_folder import MarkedFolder
from se_nas.execution.place import Checked, Conditions, Finding, look_here
from se_nas.execution.protocol import PrintLine
from se_nas.execution.reasons import reason_of
from se_nas.searching.failures import Failure, FailureKind

NODE_LABEL = "ray.io/node-id"
LOOK_SECONDS = 2.0
"""The time between two looks at the list of machines."""
CHECK_SECONDS = 120.0
"""The time that a machine's check may take: a process has to start there and import torch."""
IN_A_ROW = 3
"""The number of failures in a row after which a machine gets no more work, if trainings go well elsewhere."""


@functools.cache
def placed(machines: tuple[str, ...], *, gpus: float) -> tune.PlacementGroupFactory:
    """The resources of a trial: one CPU and `gpus` GPUs on one of these machines, or on any if none is named."""
    bundle = {"CPU": 1.0, "GPU": gpus}
    if not machines:
        return tune.PlacementGroupFactory([bundle])
    return tune.PlacementGroupFactory([bundle], bundle_label_selector=[{NODE_LABEL: f"in({','.join(machines)})"}])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Check:
    """A check that is running on a machine."""

    answer: Any  # the ray.ObjectRef of the answer
    began: float


class Machines:
    """The machines of a cluster. `check` is None for the search's own cluster on this machine.

    A machine that cannot write into `folder` trains all the same: its files are carried (`carried_files.py`).
    """

    def __init__(
        self,
        check: Checked | None,
        conditions: Conditions,
        *,
        gpus: float,
        print_line: PrintLine,
        folder: MarkedFolder | None = None,
    ) -> None:
        self._check, self._conditions, self._gpus, self._print_line = check, conditions, gpus, print_line
        self._folder = folder
        self._apart: dict[str, str] = {}  # why each of these machines cannot write into the folder
        self._named_apart: set[str] = set()
        self._names: dict[str, str] = {}
        self._checks: dict[str, _Check] = {}
        self._good: set[str] = set()
        self._refused: dict[str, str] = {}
        self._looked = -LOOK_SECONDS
        self._in_a_row: Counter[str] = Counter()
        self._went_well: Counter[str] = Counter()  # epochs on other machines since the first failure in the row
        self._last: dict[str, Failure] = {}

    @property
    def allowed(self) -> frozenset[str]:
        """Ray's identifiers of the machines that may train; empty for the search's own cluster (one machine)."""
        return frozenset(self._good)

    @property
    def some_are_apart(self) -> bool:
        """Whether a machine that may train cannot write into the folder."""
        return not self._good.isdisjoint(self._apart)

    def name(self, machine: str) -> str:
        """The name of a machine for people, if there are several; else an empty text."""
        return self._names.get(machine, "") if len(self._names) > 1 else ""

    def wait(self) -> None:
        """Wait until all present machines are checked. RunFailedError if none of them can do the work."""
        if self._check is None:
            return
        self.look()
        while self._checks:
            time.sleep(0.05)
            self._take_answers()
        self._name_apart()
        if not self._good:
            reasons = [f"{self._names[machine]}: {why}" for machine, why in self._refused.items()]
            raise RunFailedError(f"no machine of the cluster can do the work ({'; '.join(reasons) or 'there is none'})")

    def look(self) -> None:
        """Ask new machines, and take the answers of machines that were asked before."""
        if self._check is None or time.monotonic() < self._looked + LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        nodes = {node["NodeID"]: node for node in ray.nodes() if node["Alive"] and self._fits(node["Resources"])}
        self._names |= _names(nodes.values())
        self._good &= set(nodes)
        for machine in [each for each in nodes if each not in {*self._good, *self._refused, *self._checks}]:
            self._checks[machine] = _Check(answer=self._ask(machine), began=time.monotonic())
        self._take_answers()
        if not self._checks:
            self._name_apart()

    def worked(self, machine: str, *, to_the_end: bool) -> None:
        """Note that a training on this machine has reported an epoch or, with `to_the_end`, has ended well."""
        for other in self._in_a_row:
            self._went_well[other] += other != machine
        if to_the_end:
            self._in_a_row.pop(machine, None)
            self._went_well.pop(machine, None)

    def failed(self, failure: Failure) -> None:
        """Note that a training has failed. A machine on which trainings fail while others go well gets no more work."""
        machine = failure.node
        if machine not in self._good or failure.kind is FailureKind.MEMORY:
            return
        self._in_a_row[machine] += 1
        if self._in_a_row[machine] >= IN_A_ROW and self._went_well[machine] and len(self._good) > 1:
            why = f"{self._in_a_row[machine]} trainings in a row failed there, the last one: {failure.reason}"
            self._refuse(machine, why)

    def _fits(self, resources: dict[str, float]) -> bool:
        return resources.get("CPU", 0) >= 1 and resources.get("GPU", 0) >= self._gpus

    def _ask(self, machine: str) -> Any:
        there = NodeAffinitySchedulingStrategy(machine, soft=False)
        ask = ray.remote(num_cpus=0, max_retries=0)(look_here).options(scheduling_strategy=there)
        return ask.remote(self._check, self._conditions, self._folder)

    def _take_answers(self) -> None:
        for machine, check in list(self._checks.items()):
            ready, _ = ray.wait([check.answer], timeout=0)
            if not ready and time.monotonic() < check.began + CHECK_SECONDS:
                continue
            del self._checks[machine]
            late = Finding(problem=f"it did not answer within {CHECK_SECONDS:g} s")
            found = _answer(check.answer) if ready else late
            if found.apart is not None:
                self._apart[machine] = found.apart
            if found.problem is None:
                self._good.add(machine)
            else:
                self._refuse(machine, found.problem)

    def _name_apart(self) -> None:
        """Print a line for the machines that are apart for the same reason and were not named yet."""
        by_reason = defaultdict(list)
        for machine in sorted(self._good & set(self._apart) - self._named_apart):
            by_reason[self._apart[machine]].append(self._names[machine])
            self._named_apart.add(machine)
        for reason, names in by_reason.items():
            few = len(names) == 1
            who, whose = ("machine", "its") if few else ("machines", "their")
            self._print_line(f"{who} {', '.join(names)}: {reason}, so {whose} results come back through Ray")

    def _refuse(self, machine: str, why: str) -> None:
        self._good.discard(machine)
        self._refused[machine] = why
        self._print_line(f"machine {self._names[machine]} gets no work: {why}")


def _answer(answer: Any) -> Finding:
    try:
        found: Finding = ray.get(answer)
    except ray.exceptions.RayError as error:
        said = reason_of(error)
        return Finding(problem=f"se-nas is not installed there ({said})" if "No module named 'se_nas" in said else said)
    return found


def _names(nodes: Iterable[dict[str, Any]]) -> dict[str, str]:
    """The host name of each machine, with the start of Ray's identifier if several machines have the same name."""
    by_host = defaultdict(list)
    for node in nodes:
        by_host[node["NodeManagerHostname"]].append(node["NodeID"])
    return {
        machine: host if len(machines) == 1 else f"{host}/{machine[:6]}"
        for host, machines in by_host.items()
        for machine in machines
    }

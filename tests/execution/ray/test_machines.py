"""The machines that get work, in a fake cluster that replaces Ray's."""

from types import SimpleNamespace
from typing import Any

import pytest

from se_nas.errors import RunFailedError
from se_nas.execution.place import Conditions, Finding
from se_nas.execution.ray import machines as ray_machines
from se_nas.execution.ray.machines import Machines
from se_nas.searching.failures import Failure, FailureKind


class Cluster:
    """Machines by name. Each machine answers its check at once with its problem, or with None.

    `apart` says of some machines why they cannot write into the run folder.
    """

    def __init__(self, **wrong: str | None) -> None:
        self.wrong, self.cpus, self.now = dict(wrong), dict.fromkeys(wrong, 1.0), 0.0
        self.apart: dict[str, str] = {}

    def answer(self, machine: str) -> Finding:
        return Finding(problem=self.wrong[machine], apart=self.apart.get(machine))

    def nodes(self) -> list[dict[str, Any]]:
        return [
            {"NodeID": name, "NodeManagerHostname": name, "Alive": True, "Resources": {"CPU": self.cpus[name]}}
            for name in self.wrong
        ]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster(left=None, right=None)
    monkeypatch.setattr(
        ray_machines,
        "ray",
        SimpleNamespace(nodes=made.nodes, wait=lambda refs, timeout: (refs, []), get=made.answer),
    )
    monkeypatch.setattr("time.monotonic", lambda: made.now)
    monkeypatch.setattr(Machines, "_ask", lambda _, machine: machine)
    return made


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def machines(told: list[str]) -> Machines:
    return Machines(lambda _: None, Conditions(versions={}, needs_gpu=False), gpus=0.0, print_line=told.append)


def failed(node: str, kind: FailureKind = FailureKind.NETWORK) -> Failure:
    return Failure(reason="broken", node=node, kind=kind)


def test_machines_that_lack_nothing_get_work_and_others_are_reported_once(
    cluster: Cluster, machines: Machines, told: list[str]
) -> None:
    cluster.wrong["right"] = "image a.png is not there"

    machines.wait()
    cluster.now = 100.0
    machines.look()

    assert machines.allowed == {"left"}
    assert told == ["machine right gets no work: image a.png is not there"]
    assert machines.name("left") == "left"


def test_a_machine_that_joins_later_is_checked_before_its_first_trial(cluster: Cluster, machines: Machines) -> None:
    machines.wait()
    cluster.wrong |= {"good": None, "bad": "no images", "without processors": None}
    cluster.cpus |= {"good": 1.0, "bad": 1.0, "without processors": 0.0}
    assert machines.allowed == {"left", "right"}

    cluster.now = 100.0
    machines.look()

    assert machines.allowed == {"left", "right", "good"}


def test_a_cluster_without_a_usable_machine_is_an_error_with_every_reason(cluster: Cluster, machines: Machines) -> None:
    cluster.wrong = {"left": "no images", "right": "no GPU"}

    with pytest.raises(RunFailedError, match="left: no images; right: no GPU"):
        machines.wait()


def test_machines_that_do_not_see_the_run_folder_get_work_and_are_named_once_in_one_line(
    cluster: Cluster, machines: Machines, told: list[str]
) -> None:
    cluster.apart = dict.fromkeys(("left", "right"), "the run folder /run is not there")

    machines.wait()
    cluster.now = 100.0
    machines.look()

    assert machines.allowed == {"left", "right"}
    assert machines.some_are_apart
    assert told == [
        "machines left, right: the run folder /run is not there, so their results come back through Ray",
    ]


def test_a_machine_that_joins_later_and_does_not_see_the_run_folder_is_named_when_it_is_checked(
    cluster: Cluster, machines: Machines, told: list[str]
) -> None:
    machines.wait()
    assert not machines.some_are_apart

    cluster.wrong |= {"late": None, "useless": "no images"}
    cluster.cpus |= {"late": 1.0, "useless": 1.0}
    cluster.apart = {"late": "the run folder /run is another folder there", "useless": "it is not there"}
    cluster.now = 100.0
    machines.look()

    assert machines.some_are_apart
    assert told == [
        "machine useless gets no work: no images",
        "machine late: the run folder /run is another folder there, so its results come back through Ray",
    ]


def test_a_machine_that_fails_repeatedly_while_others_do_not_gets_no_more_work(
    cluster: Cluster, machines: Machines, told: list[str]
) -> None:
    machines.wait()
    for _ in range(3):
        machines.failed(failed("right"))
        machines.worked("left", to_the_end=False)
    machines.failed(failed("right"))

    assert machines.allowed == {"left"}
    (line,) = told
    assert line.startswith("machine right gets no work: ")
    assert line.endswith("broken")


@pytest.mark.parametrize("kind", FailureKind)
def test_a_machine_keeps_its_work_if_trainings_fail_everywhere_or_sometimes_end_well(
    cluster: Cluster, machines: Machines, kind: FailureKind
) -> None:
    machines.wait()
    for _ in range(20):
        machines.failed(failed("left", kind))
        machines.failed(failed("right", kind))
    assert machines.allowed == {"left", "right"}

    machines.worked("right", to_the_end=True)
    machines.worked("left", to_the_end=True)
    for _ in range(20):
        machines.failed(failed("right", kind))
        machines.worked("left", to_the_end=True)
        machines.worked("right", to_the_end=True)
    assert machines.allowed == {"left", "right"}

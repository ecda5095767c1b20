"""The reason of a worker's death, from Ray's error, from its own last words and from the kernel's count."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import ray

from se_nas.execution.ray import deaths as ray_deaths
from se_nas.execution.ray.deaths import Deaths
from se_nas.execution.ray.worker import Arrival
from se_nas.searching.failures import Failure, FailureKind

HERE = "5a" * 28
LOST = "Worker unexpectedly exits with a connection error code 2. End of file. Some common causes include: (1) the"


def ray_error(why: str) -> str:
    """An error of Ray 2.60 about a worker that died before its first report."""
    return (
        "The actor died unexpectedly before finishing this task.\n\tclass_name: _Worker\n"
        f"\tactor_id: 1e23c0c23d7b\n\tpid: 4711\n\tip: 10.0.0.1\nThe actor is dead because {why}\n"
        "The actor never ran - it was cancelled before it started running."
    )


def died(why: str) -> str:
    """The same error if the process itself has ended."""
    return ray_error(f"its worker process has died. Worker exit type: SYSTEM_ERROR Worker exit detail: {why}")


@pytest.fixture
def kills(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A cluster of one machine. The last number in this list is the number of processes killed for memory there."""
    counts = [3]
    monkeypatch.setattr(ray, "nodes", lambda: [{"NodeID": HERE, "NodeManagerAddress": "10.0.0.1"}])
    monkeypatch.setattr(ray, "get_runtime_context", lambda: SimpleNamespace(get_node_id=lambda: HERE))
    monkeypatch.setattr(ray_deaths, "memory_kills", lambda root: counts[-1])
    return counts


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (died(LOST), "killed as it started"),
        (
            died("Worker exits unexpectedly. Worker exits with an exit code 3."),
            "killed as it started (Ray says: Worker exits unexpectedly. Worker exits with an exit code 3)",
        ),
        (
            ray_error("it was killed by `ray.kill`."),
            "killed as it started (Ray says: it was killed by `ray.kill`)",
        ),
        ("nobody knows", "killed as it started"),
    ],
)
def test_the_reason_of_a_death_before_the_first_report_contains_the_message_of_ray(
    tmp_path: Path, kills: list[int], said: str, reason: str
) -> None:
    failure = Deaths(tmp_path, {HERE: 3}).explain(said)

    assert (failure.kind, failure.reason, failure.at_once) == (FailureKind.KILLED, reason, True)


def test_each_kill_for_memory_before_the_first_report_is_reported_once(tmp_path: Path, kills: list[int]) -> None:
    deaths = Deaths(tmp_path, {HERE: 3})
    kills.append(5)

    kinds = [deaths.explain(died(LOST)).kind for _ in range(3)]

    assert kinds == [FailureKind.MEMORY, FailureKind.MEMORY, FailureKind.KILLED]


def test_kills_on_a_machine_with_an_unknown_earlier_count_explain_no_death(tmp_path: Path, kills: list[int]) -> None:
    assert Deaths(tmp_path, {}).explain(died(LOST)).kind is FailureKind.KILLED


def test_last_words_before_the_first_report_are_read(tmp_path: Path, kills: list[int]) -> None:
    (tmp_path / "4711").write_text("signal 11\n")

    failure = Deaths(tmp_path, {HERE: 3}).explain(died(LOST))

    assert failure == Failure(
        kind=FailureKind.KILLED,
        reason="killed by signal 11 (SIGSEGV: a crash in native code)",
        node=HERE,
        at_once=True,
        signal=11,
    )


def test_a_worker_that_has_reported_and_left_no_words_was_killed_by_signal_9(tmp_path: Path, kills: list[int]) -> None:
    deaths = Deaths(tmp_path, {})
    deaths.arrived(Arrival(actor="1e23c0c23d7b", node=HERE, process=4711, memory_kills=3))

    assert deaths.explain(died(LOST)) == Failure(
        kind=FailureKind.KILLED, reason="killed by signal 9 (SIGKILL)", node=HERE, signal=9
    )

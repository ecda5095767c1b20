"""A Ray cluster of three machines, which Ray's test utility simulates by three raylets on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import Search, finished, outcome, wait_for


@contextmanager
def cluster(machines: int) -> Iterator[Any]:
    """A cluster of `machines` machines with one CPU each."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        for _ in range(machines - 1):
            made.add_node(num_cpus=1)
        yield made
    finally:
        made.shutdown()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_trial_of_a_dead_machine_is_repeated_and_the_search_goes_on(
    tmp_path: Path, search: Search, space_file: Path, data_file: Path
) -> None:
    run = tmp_path / "run"
    flags = ["--space", space_file, "--data", f"npz:{data_file}", "--epochs", 40]
    with cluster(3) as machines:
        process = search("--budget", 14, "--run", run, *flags, "--workers", 3, "--address", machines.address)
        wait_for(run, 3, process)
        before = finished(run)
        machines.remove_node(next(iter(machines.worker_nodes)), allow_graceful=False)
        _, told = process.communicate(timeout=800)
    first = finished(run)
    with cluster(2) as others:
        resumed = search("--resume", run, "--budget", 18, "--workers", 2, "--address", others.address)
        _, complaint = resumed.communicate(timeout=800)

    assert process.returncode == 0, told
    assert len(first) == 14
    assert {trial: first[trial] for trial in before} == before
    assert resumed.returncode == 0, complaint
    assert {trial: finished(run)[trial] for trial in first} == first
    rows, _ = outcome(run)
    assert [int(row["trial"]) for row in rows] == list(range(18))
    assert {row["state"] for row in rows} <= {"complete", "pruned"}

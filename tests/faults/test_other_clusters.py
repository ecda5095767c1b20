"""Clusters that a search did not start. It must not touch some of them; it uses others and then loses them."""

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.clusters import StartedCluster, started_cluster
from tests.faults.conftest import Search, wait_for
from tests.processes import is_trainer

TOKEN = "c" * 32


@pytest.fixture
def flags(space_file: Path, data_file: Path, tmp_path: Path) -> list[object]:
    return ["--space", space_file, "--data", f"npz:{data_file}", "--workers", 2, "--run", tmp_path / "run"]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[StartedCluster]:
    """A cluster with two CPUs and a token. The environment contains the token."""
    with started_cluster(token=TOKEN) as made:
        monkeypatch.setenv("RAY_AUTH_MODE", "token")
        monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
        yield made


@pytest.mark.slow
def test_a_search_without_an_address_does_not_touch_another_cluster(
    search: Search, flags: list[object], cluster: StartedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    before = {process.pid for process in cluster.processes()}

    process = search("--budget", 2, "--epochs", 1, *flags)
    said, told = process.communicate()

    assert (process.returncode, told) == (0, "")
    assert "cluster   a new cluster on this machine\n" in said
    assert before <= {process.pid for process in cluster.processes()}


@pytest.mark.parametrize(
    ("address", "victim", "reason"),
    [
        pytest.param("HOST:PORT", "raylet", "Ray's raylet on this machine has died", marks=pytest.mark.slow),
        pytest.param("auto", "gcs_server", "has died", marks=pytest.mark.slow),
        pytest.param("HOST:PORT", "", "has died", marks=pytest.mark.slow),
    ],
    ids=["raylet", "head's server", "all of it"],
)
def test_a_search_whose_cluster_is_killed_ends_with_one_line_and_its_tables(
    search: Search,
    flags: list[object],
    cluster: StartedCluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    victim: str,
    reason: str,
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    run = tmp_path / "run"
    given = address if address == "auto" else cluster.address
    process = search("--budget", 30, "--epochs", 120, *flags, "--address", given)
    wait_for(run, 1, process)
    niceness = {each.nice() for each in trainers(cluster)}

    cluster.kill(victim)
    said, told = process.communicate()

    assert process.returncode == 3, told
    assert reason in told
    assert told.count("\n") == 1
    assert f"everything finished is kept; continue with: python launch/search.py --resume {run}" in told
    assert "cluster   the Ray cluster at " in said
    assert "(raylet)" not in said
    assert "[state-dump]" not in said
    assert (run / "trials.csv").is_file()
    assert niceness == {os.getpriority(os.PRIO_PROCESS, 0)}


@pytest.mark.slow
def test_a_cluster_that_no_longer_answers_counts_as_lost(
    search: Search, flags: list[object], cluster: StartedCluster, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    process = search("--budget", 30, "--epochs", 120, *flags, "--address", cluster.address)
    wait_for(run, 1, process)

    cluster.freeze("gcs_server")
    _, told = process.communicate()

    assert process.returncode == 3, told
    assert "has not answered for" in told
    assert f"--resume {run}" in told
    assert (run / "trials.csv").is_file()


def trainers(cluster: StartedCluster) -> list[psutil.Process]:
    """The processes that train, found by the names that Ray gives them."""
    (raylet,) = cluster.processes("raylet")
    return [each for each in raylet.children() if is_trainer(each)]

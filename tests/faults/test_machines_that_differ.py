"""Clusters whose machines have file systems of their own: the run folder is on the search's machine alone."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.clusters import StartedCluster, StartedMachine, joined_machine, own_file_systems, started_cluster
from tests.faults.conftest import Search, finished, outcome, wait_for
from tests.faults.test_bad_machines import no_code

pytestmark = [
    pytest.mark.skipif(own_file_systems() is None, reason="this user may not mount file systems"),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[StartedCluster]:
    """A cluster whose only machine starts the search, and does not train."""
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with started_cluster(cpus=0) as made:
        yield made


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """The folder that only the search's machine has."""
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Image files of two classes. They stay on disk because the search may use 1 MB of memory."""
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "1")
    rng = np.random.default_rng(0)
    for part, count in (("train", 24), ("val", 20), ("test", 20)):
        for label in range(2):
            folder = tmp_path / "images" / part / f"class{label}"
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 120, (64, 64, 3)) + 60 * label
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    return tmp_path / "images"


@pytest.fixture
def large_images(space_file: Path) -> Path:
    """The space for images of 64 pixels."""
    space_file.write_text(space_file.read_text().replace("image_size: 8", "image_size: 64"))
    return space_file


def wait_until(happened: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Wait for an event. The search must still run then."""
    deadline = time.monotonic() + 800
    while not happened():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_results_of_a_machine_with_a_temporary_folder_of_its_own_reach_the_run_folder(
    search: Search, space_file: Path, data_file: Path, tmp_path: Path, cluster: StartedCluster
) -> None:
    """It has neither the run folder nor the images nor Ray's folder of the head. The images come through Ray."""
    run = tmp_path / "run"
    flags = ["--space", space_file, "--data", f"npz:{data_file}", "--run", run, "--epochs", 2, "--workers", 1]
    with joined_machine(cluster, cluster.folder, tmp_path):
        process = search("--budget", 4, *flags, "--strategy", "random", "--address", cluster.address)
        said, told = process.communicate(timeout=800)

    assert (process.returncode, told) == (0, "")
    rows, _ = outcome(run)
    assert [row["state"] for row in rows] == ["complete"] * 4
    assert [len(result["curve"]) for result in finished(run).values()] == [2] * 4
    (line,) = [line for line in said.splitlines() if "machine " in line]
    assert f"the run folder {run} is not there, so its results come back through Ray" in line


@pytest.mark.slow
def test_a_search_on_machines_that_differ_loses_and_repeats_no_result(
    search: Search, large_images: Path, images: Path, runs: Path, tmp_path: Path, cluster: StartedCluster
) -> None:
    """One machine shares no files, one has no images, one no package. One that shares no files joins late, and one of
    the good ones dies."""
    run = runs / "run"
    flags = ["--space", large_images, "--data", f"imagefolder:{images}", "--run", run, "--epochs", 60, "--workers", 3]
    with ExitStack() as machines:
        first = machines.enter_context(joined_machine(cluster, runs))
        machines.enter_context(joined_machine(cluster, runs, images))
        without = {"PYTHONPATH": str(no_code(tmp_path / "other"))}
        machines.enter_context(joined_machine(cluster, runs, **without))
        process = search("--budget", 12, *flags, "--address", cluster.address)
        wait_until((run / "trials" / "0000").exists, process)
        late = machines.enter_context(joined_machine(cluster, runs))
        wait_until(late.trainers, process)
        wait_for(run, len(finished(run)) + 1, process)
        before = finished(run)
        first.die()
        said, told = process.communicate(timeout=1200)

    assert (process.returncode, told) == (0, "")
    assert {trial: finished(run)[trial] for trial in before} == before
    rows, _ = outcome(run)
    assert [int(row["trial"]) for row in rows] == list(range(12))
    assert {row["state"] for row in rows} <= {"complete", "pruned"}
    assert len(finished(run)) == 12
    assert said.count("gets no work") == 2
    assert "is not there" in said
    assert "se-nas is not installed there" in said
    assert said.count("results come back through Ray") == 2


@pytest.mark.slow
def test_nothing_is_lost_or_counted_twice_when_workers_and_the_driver_are_killed(
    search: Search, space_file: Path, data_file: Path, runs: Path, cluster: StartedCluster
) -> None:
    run, budget = runs / "run", 12
    flags = ["--space", space_file, "--data", f"npz:{data_file}", "--epochs", 20]
    where = ["--workers", 2, "--address", cluster.address, "--budget", budget]
    kept: dict[str, object] = {}
    with joined_machine(cluster, runs) as one, joined_machine(cluster, runs) as other:
        process = search(*where, "--run", run, *flags)
        for results in (1, 5):
            wait_for(run, results, process)
            kill_a_trainer(process, one, other)
            wait_for(run, results + 1, process)
            process.kill()
            process.communicate()
            now = finished(run)
            assert {trial: now[trial] for trial in kept} == kept
            kept = dict(now)
            process = search(*where, "--resume", run)
        _, told = process.communicate(timeout=1200)

    assert (process.returncode, told) == (0, "")
    assert {trial: finished(run)[trial] for trial in kept} == kept
    rows, _ = outcome(run)
    assert [int(row["trial"]) for row in rows] == list(range(budget))
    assert {row["state"] for row in rows} <= {"complete", "pruned"}
    assert len({row["fingerprint"] for row in rows}) == budget


@pytest.mark.slow
def test_a_confirmation_writes_the_results_of_machines_that_do_not_see_its_folder(
    search: Search, space_file: Path, data_file: Path, runs: Path, cluster: StartedCluster
) -> None:
    run = runs / "run"
    flags = ["--space", space_file, "--data", f"npz:{data_file}", "--run", run, "--epochs", 2]
    alone = search("--budget", 6, *flags, "--workers", 1)
    assert alone.communicate(timeout=800)[1] == ""
    with joined_machine(cluster, runs):
        where = ["--workers", 1, "--address", cluster.address]
        process = search(run, "--seeds", 2, "--most-seeds", 2, *where, script="confirm.py")
        said, told = process.communicate(timeout=800)

    assert (process.returncode, told) == (0, "")
    results = [json.loads(file.read_text()) for file in run.glob("replications/*/*/seed-*.json")]
    assert results
    assert all(len(result["curve"]) == 2 for result in results)
    assert "results come back through Ray" in said


def kill_a_trainer(process: subprocess.Popen[str], *machines: StartedMachine) -> None:
    """Kill (-9) one worker that trains for this search."""
    wait_until(lambda: [each for machine in machines for each in machine.trainers()], process)
    for machine in machines:
        for worker in machine.trainers():
            worker.kill()
            return

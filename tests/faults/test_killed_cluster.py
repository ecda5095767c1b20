"""Ray's own processes are killed (-9) during a search."""

from pathlib import Path

import psutil
import pytest

from tests.conftest import LaunchHere
from tests.faults.conftest import Search, finished, wait_for


@pytest.mark.parametrize("victim", ["raylet", pytest.param("gcs_server", marks=pytest.mark.slow)])
def test_a_search_that_loses_its_cluster_ends_with_one_line_and_can_be_resumed(
    tmp_path: Path, search: Search, launch_here: LaunchHere, space_file: Path, data_file: Path, victim: str
) -> None:
    run = tmp_path / "run"
    flags = ["--space", space_file, "--data", f"npz:{data_file}"]
    process = search("--budget", 30, "--run", run, *flags, "--epochs", 40, "--workers", 2)
    wait_for(run, 2, process)

    (killed,) = [each for each in psutil.Process(process.pid).children() if each.name() == victim]
    killed.kill()
    said, told = process.communicate(timeout=800)
    kept = finished(run)
    resumed = launch_here("search.py", "--resume", run, "--budget", len(kept) + 2, "--workers", 1, "--wandb", "off")

    assert process.returncode == 3, told
    assert f"Ray's {victim} has died" in told.splitlines()[-1]
    assert "(raylet)" not in said  # Ray's own message, in colours and with the last lines of its log
    assert "[state-dump]" not in said
    assert resumed.returncode == 0, resumed.stderr
    assert {trial: finished(run)[trial] for trial in kept} == kept

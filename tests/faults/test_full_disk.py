"""A full disk: a small file system in memory that the test makes, for which it needs root."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from se_nas.errors import WriteError
from se_nas.files import write_json
from tests.conftest import LaunchHere
from tests.faults.conftest import Search, finished, mount


@pytest.fixture(params=["200k", pytest.param("600k", marks=pytest.mark.slow)])
def small_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A disk that is too small for the trials, or large enough for the trials but not for the report."""
    disk = tmp_path / "disk"
    disk.mkdir()
    try:
        mounted = mount("-t", "tmpfs", "-o", f"size={request.param}", "tmpfs", str(disk))
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("this user may not mount a file system")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_ends_the_search_with_one_line_and_keeps_finished_trials(
    small_disk: Path, search: Search, launch_here: LaunchHere, space_file: Path, data_file: Path
) -> None:
    run = small_disk / "run"
    flags = ["--space", space_file, "--data", f"npz:{data_file}", "--epochs", 2, "--workers", 1]

    full = search("--budget", 14, "--run", run, *flags)
    _, told = full.communicate(timeout=800)
    kept = finished(run)
    assert mount("-o", "remount,size=60m", str(small_disk))
    resumed = launch_here("search.py", "--resume", run, "--workers", 1, "--wandb", "off")

    assert full.returncode == 3
    assert told.count("\n") == 1
    assert "cannot be written" in told
    assert resumed.returncode == 0, resumed.stderr
    assert {trial: finished(run)[trial] for trial in kept} == kept
    assert len(finished(run)) == 14


def test_a_file_that_cannot_be_written_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(WriteError, match=r"file/result.json: cannot be written \((Not a directory|File exists)\)"):
        write_json(tmp_path / "file" / "result.json", {})

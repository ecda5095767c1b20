"""The examples for clusters: they can be parsed, and their commands have flags that exist."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from se_nas.commands.search.flags import SearchRequest
from tests.clusters import ON_ONE_HOST, StartedCluster
from tests.faults.conftest import finished, outcome

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
SLURM = EXAMPLES / "slurm.sh"
RAYJOB = EXAMPLES / "rayjob.yaml"


def is_valid_bash(script: str) -> bool:
    return subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True).returncode == 0


def search_flags(script: str) -> set[str]:
    """The flags of the searches in a script."""
    commands = re.findall(r"se-nas search ([^;\n]*)", script)
    return {flag for command in commands for flag in re.findall(r"--([a-z-]+)", command)}


def entrypoint() -> list[str]:
    """The words of the command that the RayJob runs."""
    job = yaml.safe_load(RAYJOB.read_text())
    return shlex.split(job["spec"]["entrypoint"])


def test_the_slurm_script_is_bash_and_has_flags_of_search() -> None:
    script = SLURM.read_text()

    assert is_valid_bash(script)
    assert {"resume", "run", "address", "workers"} <= search_flags(script)
    assert search_flags(script) <= {field.name.replace("_", "-") for field in fields(SearchRequest)}
    assert os.access(SLURM, os.X_OK)


def test_the_settings_of_the_slurm_job_come_before_its_first_command() -> None:
    """Slurm ignores settings below the first command."""
    lines = [line for line in SLURM.read_text().splitlines() if line]
    settings = [number for number, line in enumerate(lines) if line.startswith("#SBATCH")]
    first = next(number for number, line in enumerate(lines) if not line.startswith("#"))

    assert settings
    assert max(settings) < first


def test_the_command_of_the_rayjob_is_bash_and_has_flags_of_search() -> None:
    program, option, script = entrypoint()

    assert (program, option) == ("bash", "-c")
    assert is_valid_bash(script)
    assert {"resume", "run", "address", "workers"} <= search_flags(script)
    assert search_flags(script) <= {field.name.replace("_", "-") for field in fields(SearchRequest)}


def test_the_rayjob_mounts_only_volumes_that_it_has_and_keeps_the_run_folder_on_the_head() -> None:
    cluster = yaml.safe_load(RAYJOB.read_text())["spec"]["rayClusterSpec"]
    pods = [group["template"]["spec"] for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])]

    mounted = [[mount["name"] for pod_part in pod["containers"] for mount in pod_part["volumeMounts"]] for pod in pods]

    assert mounted == [[volume["name"] for volume in pod["volumes"]] for pod in pods]
    assert ["runs" in names for names in mounted] == [True, False]
    assert len({pod_part["image"] for pod in pods for pod_part in pod["containers"]}) == 1


@pytest.fixture
def job(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a Slurm job of two machines, with stand-ins for Slurm's commands on this machine."""
    commands = tmp_path / "commands"
    commands.mkdir()
    (commands / "srun").write_text(
        f'#!/usr/bin/env bash\nwhile [[ $1 == --* ]]; do shift; done\nexec "$@" {shlex.join(ON_ONE_HOST)}\n'
    )
    (commands / "scontrol").write_text(
        f'#!/usr/bin/env bash\nif [ "$1" = show ]; then echo 127.0.0.1; else echo "$@" >> {tmp_path}/requeued; fi\n'
    )
    for command in commands.iterdir():
        command.chmod(0o755)
    number = str(os.getpid())
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "SLURM_"))}
    yield {
        **clean,
        "PATH": f"{commands}:{Path(sys.executable).parent}:{clean['PATH']}",
        "SLURM_JOB_ID": number,
        "SLURM_JOB_NUM_NODES": "2",
        "SLURM_JOB_NODELIST": "this machine",
        "SLURM_CPUS_PER_TASK": "1",
        "SLURM_SUBMIT_DIR": str(tmp_path),
        "WANDB_MODE": "disabled",
    }
    folder = Path(f"/tmp/ray-{number}")
    StartedCluster(address="", folder=folder).kill()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_slurm_job_searches_puts_itself_back_into_the_queue_and_continues(
    tmp_path: Path, job: dict[str, str], space_file: Path, data_file: Path
) -> None:
    run, cluster = tmp_path / "runs" / "slurm", StartedCluster(address="", folder=Path(f"/tmp/ray-{os.getpid()}"))
    flags = ["--space", str(space_file), "--data", f"npz:{data_file}", "--epochs", "30", "--budget", "10"]
    with (tmp_path / "log").open("w") as log:
        first = subprocess.Popen([str(SLURM), *flags], env=job, cwd=tmp_path, stdout=log, stderr=log)
        deadline = time.monotonic() + 800
        while len(finished(run)) < 2:
            assert first.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        first.terminate()
        code = first.wait(timeout=800)
        before = finished(run)
        cluster.kill()  # Slurm ends what a job has left
        again = subprocess.run([str(SLURM), *flags], env=job, cwd=tmp_path, stdout=log, stderr=log, timeout=1200)

    assert code == 143, (tmp_path / "log").read_text()
    assert (tmp_path / "requeued").read_text() == f"requeue {os.getpid()}\n"
    assert again.returncode == 0, (tmp_path / "log").read_text()
    assert "2 CPU cores" in (tmp_path / "log").read_text()
    assert {trial: finished(run)[trial] for trial in before} == before
    assert [int(row["trial"]) for row in outcome(run)[0]] == list(range(10))

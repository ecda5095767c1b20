"""Clusters with a machine that cannot do the work: three raylets on this machine, one of which sees other code."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.conftest import ROOT, Search, outcome

MISSING = """raise ModuleNotFoundError("No module named 'se_nas'")\n"""


def other_code(folder: Path) -> Path:
    """A copy of the package that differs in a comment."""
    shutil.copytree(ROOT / "se_nas", folder / "se_nas", ignore=shutil.ignore_patterns("__pycache__"))
    with (folder / "se_nas" / "wording.py").open("a") as file:
        file.write("# another version\n")
    return folder


def no_code(folder: Path) -> Path:
    """A package that cannot be imported."""
    (folder / "se_nas").mkdir(parents=True)
    (folder / "se_nas" / "__init__.py").write_text(MISSING)
    return folder


CLUSTER = """
import json, sys
from ray.cluster_utils import Cluster

made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
for environment in json.loads(sys.argv[1]):
    made.add_node(num_cpus=1, env_vars=environment)
print("address", made.address, flush=True)
sys.stdin.read()
made.shutdown()
"""


@contextmanager
def cluster(*environments: Mapping[str, str]) -> Iterator[str]:
    """The address of a cluster with a machine of one CPU for each of these environments. Its head has no CPU.

    A separate process starts it, because Ray reads its settings once in a process, and other tests have changed them.
    """
    call = [sys.executable, "-c", CLUSTER, json.dumps([dict(each) for each in environments])]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    clean["RAY_AUTH_MODE"] = "disabled"  # whether or not ~/.ray has a token
    with subprocess.Popen(call, env=clean, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdin is not None
        assert starter.stdout is not None
        address = next((line.split()[1] for line in starter.stdout if line.startswith("address ")), None)
        assert address is not None, "the cluster has not started"
        try:
            yield address
        finally:
            starter.stdin.close()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("make", "reason"), [(other_code, "it has se-nas"), (no_code, "se-nas is not installed there")]
)
def test_a_machine_with_other_code_gets_no_work_and_costs_no_trial(
    tmp_path: Path, search: Search, space_file: Path, data_file: Path, make: object, reason: str
) -> None:
    wrong = {"PYTHONPATH": str(make(tmp_path / "other"))}  # type: ignore[operator]
    flags = ["--space", space_file, "--data", f"npz:{data_file}", "--epochs", 2, "--workers", 2]
    with cluster({}, wrong) as address:
        process = search("--budget", 6, "--run", tmp_path / "run", *flags, "--address", address)
        said, told = process.communicate(timeout=600)

    assert process.returncode == 0, told
    rows, _ = outcome(tmp_path / "run")
    assert {row["state"] for row in rows} <= {"complete", "pruned"}
    assert len(rows) == 6
    assert said.count("gets no work") == 1
    assert reason in next(line for line in said.splitlines() if "gets no work" in line)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_without_a_usable_machine_is_refused_before_anything_trains(
    tmp_path: Path, search: Search, space_file: Path, data_file: Path
) -> None:
    wrong = {"PYTHONPATH": str(no_code(tmp_path / "other"))}
    flags = ["--space", space_file, "--data", f"npz:{data_file}", "--epochs", 2, "--workers", 2]
    with cluster(wrong) as address:
        process = search("--budget", 6, "--run", tmp_path / "run", *flags, "--address", address)
        _, told = process.communicate(timeout=600)

    assert process.returncode == 3, told
    assert "no machine of the cluster can do the work" in told.splitlines()[-1]
    assert "se-nas is not installed there" in told.splitlines()[-1]

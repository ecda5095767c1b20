"""W&B's server fails in the middle of a search or from its start, or the disk for W&B is full."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import LaunchHere
from tests.faults.conftest import ROOT, mount, outcome
from tests.tracking.wandb_stub import API_KEY, Illness, StubServer, wandb_stub

BUDGET = 8


def environment(folder: Path, url: str) -> dict[str, str]:
    own = {"HOME": str(folder), "WANDB_BASE_URL": url, "WANDB_API_KEY": API_KEY, "WANDB_ERROR_REPORTING": "false"}
    return {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")} | own


def search(folder: Path, *flags: object, url: str = "") -> subprocess.CompletedProcess[str]:
    call = [sys.executable, str(ROOT / "launch" / "search.py"), "--workers", "1", *map(str, flags)]
    return subprocess.run(call, cwd=folder, env=environment(folder, url), capture_output=True, text=True, timeout=800)


def sync(folder: Path, server: StubServer, run: Path) -> None:
    """Run the command that the printed line recommends for later."""
    paths = map(str, run.glob("wandb/offline-run-*"))
    call = [sys.executable, "-m", "wandb", "sync", *paths]
    subprocess.run(call, cwd=folder, env=environment(folder, server.url), check=True, capture_output=True, timeout=800)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("healthy_for", "illness"), [(6, "errors"), (6, "hangs up"), (6, "silent"), (0, "errors"), (0, "silent")]
)
def test_a_failing_server_does_not_change_a_search_and_everything_can_be_sent_later(
    tmp_path: Path, launch_here: LaunchHere, space_file: Path, data_file: Path, healthy_for: int, illness: Illness
) -> None:
    flags = ["--space", space_file, "--data", f"npz:{data_file}", "--epochs", 4, "--budget", BUDGET]
    plain = launch_here("search.py", "--workers", 1, *flags, "--run", tmp_path / "plain", "--wandb", "off")
    run = tmp_path / "told"
    with wandb_stub(healthy_for=healthy_for, illness=illness) as server:
        told = search(tmp_path, *flags, "--run", run, "--wandb", "online", url=server.url)
        assert server.is_ill
        server.heal()
        sync(tmp_path, server, run)
        received = server.received

    assert (plain.returncode, told.returncode, told.stderr) == (0, 0, "")
    assert outcome(run) == outcome(tmp_path / "plain")
    assert told.stdout.count("W&B failed") == 1
    assert f"later: wandb sync {run}/wandb/offline-run-*" in told.stdout
    (sent,) = received.runs.values()
    assert [row["trial"] for row in sent.history[:BUDGET]] == list(range(BUDGET))
    assert any("SE placement" in name for name in sent.files)
    assert {name.split("-")[0] for name in received.artifacts} >= {"front", "best"}
    assert all(artifact.committed for artifact in received.artifacts.values())


@pytest.mark.slow
def test_a_disk_too_full_for_wandb_does_not_change_the_search(
    tmp_path: Path, space_file: Path, data_file: Path
) -> None:
    run = tmp_path / "run"
    flags = ["--space", space_file, "--data", f"npz:{data_file}", "--epochs", 4, "--wandb", "off"]
    search(tmp_path, *flags, "--budget", 2, "--run", run)
    (run / "wandb").mkdir()
    if not mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", str(run / "wandb")):
        pytest.skip("this user may not mount a file system")
    try:
        done = search(tmp_path, "--resume", run, "--budget", 6, "--wandb", "offline")
    finally:
        subprocess.run(["umount", "-l", str(run / "wandb")], check=True)

    assert done.returncode == 0, done.stderr
    assert len(outcome(run)[0]) == 6
    assert "W&B failed" in done.stdout

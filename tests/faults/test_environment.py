"""The environment of a search: its secrets are in no file, and its settings for another cluster change nothing."""

import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import write_tiny_data, write_tiny_space
from tests.faults.conftest import ROOT, finished

SECRETS = {
    "WANDB_API_KEY": "5ecre7" * 6 + "5ecr",
    "RAY_AUTH_TOKEN": "70ken" * 8,
    "AWS_SECRET_ACCESS_KEY": "c10ud" * 8,
    "HTTPS_PROXY": "http://somebody:pa55word@127.0.0.1:9",
    "SE_NAS_TEST_PRIVATE": "pr1va7e" * 4,
}
OF_ANOTHER_CLUSTER = {
    "RAY_ADDRESS": "127.0.0.1:1",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN_PATH": "/nowhere/token",
    "RAY_GCS_SERVER_PORT": "1",
    "RAY_JOB_CONFIG_JSON_ENV_VAR": '{"runtime_env": {"working_dir": "gcs://nowhere.zip"}}',
    "RAY_NAMESPACE": "another",
    "RAY_REDIS_ADDRESS": "127.0.0.1:2",
    "RAY_RUNTIME_ENV_HOOK": "nowhere.hook",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """A search that has ended, and what it printed."""

    run: Path
    done: "subprocess.CompletedProcess[str]"


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    """A search on two workers and with W&B offline, whose environment has secrets and another cluster's settings."""
    folder = tmp_path_factory.mktemp("environment")
    run = folder / "run"
    call = [sys.executable, ROOT / "launch" / "search.py", "--space", write_tiny_space(folder), "--run", run]
    call += ["--data", f"npz:{write_tiny_data(folder)}", "--epochs", 2, "--budget", 4, "--workers", 2]
    done = subprocess.run(
        [*map(str, call), "--wandb", "offline"],
        cwd=folder,
        env=os.environ | OF_ANOTHER_CLUSTER | SECRETS,
        capture_output=True,
        text=True,
        timeout=800,
    )
    return Searched(run=run, done=done)


def test_a_search_without_an_address_has_its_own_cluster_in_any_environment(searched: Searched) -> None:
    assert (searched.done.returncode, searched.done.stderr) == (0, "")
    assert "cluster   a new cluster on this machine\n" in searched.done.stdout
    assert len(finished(searched.run)) == 4


def test_no_key_token_host_or_environment_is_in_the_run_folder_or_on_the_terminal(searched: Searched) -> None:
    """The run folder also contains W&B's files, which `wandb sync` would send."""
    files = [path for path in searched.run.rglob("*") if path.is_file()]
    written = {path: path.read_bytes() for path in files} | {Path("stdout"): searched.done.stdout.encode()}
    host = socket.gethostname()
    all_of_them = [*SECRETS.values(), "pa55word", *([host] if len(host) > 5 else [])]  # a short name may be in a word

    assert any(path.suffix == ".wandb" for path in files)
    for secret in all_of_them:
        assert [path for path, content in written.items() if secret.encode() in content] == [], secret
    assert all(path.stat().st_uid == os.getuid() for path in files)
    links = [
        path for path in searched.run.rglob("*") if path.is_symlink() and "wandb" not in path.parts
    ]  # W&B makes links of its own
    assert links == []

"""Secrets of the user and of the machine are in no file that a search writes."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from tests.faults.conftest import ROOT

SECRETS = {
    "WANDB_API_KEY": "5ecre7" * 6 + "5ecr",
    "RAY_AUTH_TOKEN": "70ken" * 8,
    "AWS_SECRET_ACCESS_KEY": "c10ud" * 8,
    "HTTPS_PROXY": "http://somebody:pa55word@127.0.0.1:9",
    "SE_NAS_TEST_PRIVATE": "pr1va7e" * 4,
}


def test_no_key_token_host_or_environment_is_in_the_run_folder_or_on_the_terminal(
    tmp_path: Path, space_file: Path, data_file: Path
) -> None:
    """The run folder also contains W&B's files, which `wandb sync` would send."""
    run = tmp_path / "run"
    flags = ["--space", space_file, "--data", f"npz:{data_file}", "--epochs", 2, "--budget", 4, "--workers", 2]
    call = [
        sys.executable,
        str(ROOT / "launch" / "search.py"),
        *map(str, flags),
        "--run",
        str(run),
        "--wandb",
        "offline",
    ]
    done = subprocess.run(call, cwd=tmp_path, env=os.environ | SECRETS, capture_output=True, text=True, timeout=800)

    assert done.returncode == 0, done.stderr
    files = [path for path in run.rglob("*") if path.is_file()]
    assert any(path.suffix == ".wandb" for path in files)
    written = {path: path.read_bytes() for path in files} | {Path("stdout"): done.stdout.encode()}
    host = socket.gethostname()
    for secret in (
        *SECRETS.values(),
        "pa55word",
        *([host] if len(host) > 5 else []),
    ):  # a short name may be part of a word
        assert [path for path, content in written.items() if secret.encode() in content] == [], secret
    assert all(path.stat().st_uid == os.getuid() for path in files)
    links = [
        path for path in run.rglob("*") if path.is_symlink() and "wandb" not in path.parts
    ]  # W&B makes links of its own
    assert links == []

"""What does a search print, and how soon, when a Ray cluster that it did not start is lost?

    uv run benchmarks/dead_cluster.py

Starts a head on this machine and a search that joins it. When the first trial has ended, one process of the cluster is
killed (-9), or all are, or the head is stopped so that it does not answer. Prints the exit code, the seconds until the
search ends, whether the tables exist, and the last line. Then two searches try to join a cluster that is dead or asks
for a token.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.clusters import StartedCluster, started_cluster  # noqa: E402

FAULTS = ("raylet killed", "gcs_server killed", "all of it killed", "gcs_server stopped")


def start(folder: str, address: str, **environment: str) -> "subprocess.Popen[str]":
    """A search of long trials on two workers."""
    flags = ["--budget", "40", "--epochs", "12", "--workers", "2", "--wandb", "off", "--run", f"{folder}/run"]
    command = [sys.executable, str(ROOT / "launch" / "search.py"), *flags, "--address", address]
    given = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | environment
    pipe, merged = subprocess.PIPE, subprocess.STDOUT
    return subprocess.Popen(command, env=given, stdout=pipe, stderr=merged, text=True)


def strike(cluster: StartedCluster, fault: str) -> None:
    """Cause the fault in the cluster."""
    name, _, what = fault.rpartition(" ")
    name = "" if name == "all of it" else name
    if what == "stopped":
        cluster.freeze(name)
    else:
        cluster.kill(name)


def lose(fault: str) -> str:
    """Run one search with one fault."""
    with started_cluster() as cluster, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        search = start(folder, cluster.address)
        while not list(Path(folder).glob("run/trials/*/result.json")) and search.poll() is None:
            time.sleep(0.1)
        strike(cluster, fault)
        return told(search, (Path(folder) / "run" / "trials.csv"))


def told(search: "subprocess.Popen[str]", tables: Path | None = None) -> str:
    """Wait for the end of the search; return its exit code, seconds, tables and last line."""
    began = time.monotonic()
    said, _ = search.communicate()
    written = "" if tables is None else f", tables {'written' if tables.exists() else 'missing'}"
    seconds = time.monotonic() - began
    return f"exit code {search.returncode} after {seconds:.1f} s{written}: {said.strip().splitlines()[-1]}"


def main() -> None:
    """Run each fault, then the clusters that cannot be joined."""
    for fault in FAULTS:
        print(f"{fault}: {lose(fault)}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        print(f"auto, a dead address: {told(start(folder, 'auto', RAY_ADDRESS='127.0.0.1:1'))}", flush=True)
        with started_cluster(token="a" * 32) as cluster:
            print(f"no token: {told(start(folder, cluster.address))}", flush=True)
            wrong = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "b" * 32}
            print(f"a wrong token: {told(start(folder, cluster.address, **wrong))}", flush=True)
            cluster.freeze("gcs_server")
            print(f"a head that answers no more: {told(start(folder, cluster.address))}", flush=True)


if __name__ == "__main__":
    main()

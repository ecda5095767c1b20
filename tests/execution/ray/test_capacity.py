"""The capacity of a cluster before a search joins it: what is refused, and what is found."""

import json
import socket
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
import ray

from se_nas.errors import InputError
from se_nas.execution.ray import capacity as ray_capacity
from se_nas.execution.ray.capacity import ClusterCapacity, ask_capacity
from tests.clusters import StartedCluster, started_cluster

TOKEN = "a" * 32


@pytest.fixture(scope="module")
def guarded() -> Iterator[StartedCluster]:
    """A cluster with two CPUs that asks for a token."""
    with started_cluster(cpus=2, token=TOKEN) as made:
        yield made


@pytest.fixture(autouse=True)
def no_cluster_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("ray://127.0.0.1:10001", "Ray Client is not supported"),
        ("somewhere", "expected auto or HOST:PORT"),
        ("127.0.0.1:1", "cannot be reached"),
        ("127.0.0.1:port", "cannot be reached"),
        ("127.0.0.1:99999", "cannot be reached"),
        ("nowhere.invalid:6379", "cannot be reached"),
    ],
)
def test_an_impossible_address_is_refused(address: str, reason: str) -> None:
    with pytest.raises(InputError, match=f"--address {address}: .*{reason}"):
        ask_capacity(address)


def test_auto_names_the_address_in_the_environment_if_that_cluster_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")

    with pytest.raises(InputError, match=r"--address auto \(RAY_ADDRESS=127.0.0.1:1\): cannot be reached"):
        ask_capacity("auto")


@pytest.mark.parametrize("behind", ["\\n", "[2026-11-28 13:20:01,100 W 1 1] core_worker.cc: an actor ended\\n"])
def test_an_answer_is_read_although_ray_prints_behind_it_in_the_same_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behind: str
) -> None:
    capacity = ClusterCapacity(address="10.0.0.1:6379", machines=3, cpus=24, gpus=0)
    asks = tmp_path / "asks"
    monkeypatch.setattr(ray_capacity.sys, "executable", str(asks))
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        for said in ({"answer": asdict(capacity)}, {"error": "no such cluster"}):
            asks.write_text(f"#!/bin/sh\nprintf '%s{behind}' '{json.dumps(said)}'\n")
            asks.chmod(0o755)
            if "answer" in said:
                assert ask_capacity(address) == capacity
            else:
                with pytest.raises(InputError, match="no such cluster"):
                    ask_capacity(address)


def test_a_server_that_does_not_answer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_capacity, "ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(ray_capacity, "ANSWER_IMPORTS", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"

        with pytest.raises(InputError, match=f"--address {address}: no answer within 1 s; is the cluster alive"):
            ask_capacity(address)


@pytest.mark.parametrize(
    ("asks", "ending"),
    [
        ("import sys; print('Fatal: no room', file=sys.stderr); sys.exit(7)", "with exit code 7: Fatal: no room"),
        ("import os; print('before', flush=True); os.kill(os.getpid(), 9)", "with exit code -9: before"),
    ],
)
def test_a_process_that_ends_without_an_answer_gives_its_exit_code_and_last_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asks: str, ending: str
) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{asks}"\n')
    python.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(python))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"

        with pytest.raises(InputError, match=f"cannot be used .*ended without an answer, {ending}"):
            ask_capacity(address)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "the cluster asks for a token; set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH"),
        ({"RAY_AUTH_MODE": "disabled"}, "the cluster asks for a token; set RAY_AUTH_MODE=token"),
        (
            {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "b" * 32},
            "the cluster does not accept the token in RAY_AUTH_TOKEN",
        ),
        ({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": "/nowhere"}, r"\(RAY_AUTH_TOKEN_PATH .*: /nowhere\)"),
    ],
)
def test_a_token_that_is_missing_or_wrong_is_named(
    guarded: StartedCluster, given: dict[str, str], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(InputError, match=f"--address {guarded.address}: .*{reason}"):
        ask_capacity(guarded.address)


@pytest.mark.parametrize("in_a_file", [True, False])
def test_a_cluster_reports_its_machines_if_the_token_is_right(
    guarded: StartedCluster, in_a_file: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv(*(("RAY_AUTH_TOKEN_PATH", str(file)) if in_a_file else ("RAY_AUTH_TOKEN", TOKEN)))

    found = ask_capacity(guarded.address)

    port = guarded.address.split(":")[1]
    assert found == ClusterCapacity(address=found.address, machines=1, cpus=2, gpus=0, with_token=True)
    assert found.address.endswith(f":{port}")


def test_a_token_that_the_cluster_does_not_use_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cluster would end each actor of a search with that token."""
    with started_cluster() as unguarded:
        monkeypatch.setenv("RAY_AUTH_MODE", "token")
        monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)

        with pytest.raises(InputError, match="the cluster uses no token, but RAY_AUTH_MODE=token is set here"):
            ask_capacity(unguarded.address)


def test_auto_finds_the_cluster_in_the_environment(guarded: StartedCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", guarded.address)
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)

    assert ask_capacity("auto").cpus == 2


@pytest.mark.slow
@pytest.mark.parametrize("version", ["2.58.1", "3.0.0"])
def test_a_cluster_of_another_version_is_refused_with_both_versions(version: str) -> None:
    with started_cluster(version=version) as other, pytest.raises(InputError, match="Version mismatch") as refused:
        ask_capacity(other.address)

    assert f"Ray: {version}" in str(refused.value)
    assert f"Ray: {ray.__version__}" in str(refused.value)
    assert "\n" not in str(refused.value)

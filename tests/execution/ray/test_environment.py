"""The environment that Ray reads, whatever the user's own environment contains."""

import os
from collections.abc import Iterator

import pytest

from se_nas.execution.ray.environment import OTHER_CLUSTERS, set_ray_environment, worker_environment


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """Remove all of Ray's variables, and restore the environment after the test."""
    kept = dict(os.environ)
    for name in list(os.environ):
        if name.startswith(("RAY_", "TUNE_", "OMP_", "LRU_", "ONEDNN_")):
            del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(kept)


@pytest.mark.parametrize("name", OTHER_CLUSTERS)
def test_the_own_cluster_of_a_search_knows_no_other_cluster(name: str) -> None:
    os.environ[name] = "1"

    set_ray_environment(workers=2, own_cluster=True)

    assert name not in os.environ


@pytest.mark.parametrize("name", ["RAY_ADDRESS", "RAY_AUTH_TOKEN_PATH", "RAY_USE_TLS", "RAY_NAMESPACE"])
def test_variables_for_another_cluster_stay_if_the_search_joins_it(name: str) -> None:
    os.environ[name] = "1"

    set_ray_environment(workers=2, own_cluster=False)

    assert os.environ[name] == "1"


@pytest.mark.parametrize("mode", [None, "disabled", "token", "k8s"])
def test_the_own_cluster_gets_a_token_and_another_cluster_keeps_its_token(mode: str | None) -> None:
    if mode is not None:
        os.environ |= {"RAY_AUTH_MODE": mode, "RAY_AUTH_TOKEN": "another's"}

    set_ray_environment(workers=2, own_cluster=False)
    joined = os.environ.get("RAY_AUTH_MODE"), os.environ.get("RAY_AUTH_TOKEN")
    set_ray_environment(workers=2, own_cluster=True)
    first = os.environ["RAY_AUTH_TOKEN"]
    set_ray_environment(workers=2, own_cluster=True)

    assert joined == (mode, None if mode is None else "another's")
    assert os.environ["RAY_AUTH_MODE"] == "token"
    assert len(first) == 64
    assert os.environ["RAY_AUTH_TOKEN"] == first  # Ray reads it once


def test_another_cluster_is_joined_with_the_token_that_ray_has_found() -> None:
    set_ray_environment(workers=2, own_cluster=False, with_token=True)

    assert os.environ["RAY_AUTH_MODE"] == "token"


@pytest.mark.parametrize(
    ("own", "niceness", "added"), [(True, 0, "0"), (True, 10, "0"), (False, 0, "0"), (False, 7, "7")]
)
def test_workers_have_the_niceness_of_the_search(
    monkeypatch: pytest.MonkeyPatch, own: bool, niceness: int, added: str
) -> None:
    """Ray adds a number to the niceness of the process that starts the worker: in the own cluster, the search's."""
    monkeypatch.setattr(os, "getpriority", lambda *_: niceness)

    set_ray_environment(workers=2, own_cluster=own)

    assert worker_environment()["RAY_worker_niceness"] == added


def test_workers_on_other_machines_get_the_variables_that_workers_here_inherit() -> None:
    os.environ |= {"LRU_CACHE_CAPACITY": "7", "RAY_worker_niceness": "3"}

    set_ray_environment(workers=2, own_cluster=False)

    assert worker_environment() == {
        "OMP_NUM_THREADS": "1",
        "LRU_CACHE_CAPACITY": "7",
        "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "RAY_worker_niceness": "3",
    }

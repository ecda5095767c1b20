import importlib
import os
import sys
from typing import Any

import pytest
import ray
from ray.tune import registry
from ray.tune.execution import class_cache

from se_nas.execution.ray.shortcuts import fewest_processes, initialise, leave_lost_cluster, private, quick_trials
from se_nas.execution.ray.watch import kill_processes, lost_process


def test_shortcuts_restore_all_attributes() -> None:
    before = ray._private.parameter.RayParams, class_cache.DEFAULT_ENV_VARS, registry._global_registry.get

    with fewest_processes(), quick_trials():
        during = ray._private.parameter.RayParams, class_cache.DEFAULT_ENV_VARS, registry._global_registry.get

    after = ray._private.parameter.RayParams, class_cache.DEFAULT_ENV_VARS, registry._global_registry.get
    assert all(now != then for now, then in zip(during, before, strict=True))
    assert after == before


def test_an_attribute_that_a_version_of_ray_lacks_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(ray._private.parameter, "RayParams")
    monkeypatch.delattr(class_cache, "ENV_VARS_TO_PROPAGATE")
    monkeypatch.delattr(registry, "_global_registry")

    with fewest_processes(), quick_trials():
        assert class_cache.DEFAULT_ENV_VARS == {}
        assert not hasattr(ray._private.parameter, "RayParams")


@pytest.mark.parametrize("missing", ["ray._private.parameter", "ray.tune.execution.class_cache", "ray.tune.registry"])
def test_a_version_of_ray_without_a_whole_module_is_left_alone(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    package, _, module = missing.rpartition(".")
    monkeypatch.delattr(importlib.import_module(package), module)
    monkeypatch.setitem(sys.modules, missing, None)

    with fewest_processes(), quick_trials():
        assert private(missing) is None


def test_a_version_of_ray_that_does_not_name_its_processes_has_none_that_are_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(ray._private.worker, "_global_node")

    kill_processes()

    assert lost_process() is None


def test_a_version_of_ray_without_an_exit_function_leaves_a_lost_cluster_by_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    removed: list[object] = []
    monkeypatch.setattr("atexit.unregister", removed.append)
    monkeypatch.delattr(registry, "_unregister_all")

    leave_lost_cluster()

    assert removed == [ray.shutdown]


def test_a_version_of_ray_without_the_settings_that_begin_with_an_underscore_is_started_without_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[dict[str, Any]] = []

    def init(**settings: Any) -> None:
        given.append(settings)
        if unknown := [name for name in settings if name.startswith("_")]:
            raise RuntimeError(f"Unknown keyword argument(s): {', '.join(unknown)}")

    monkeypatch.setattr(ray, "init", init)

    initialise(address="local", _temp_dir="/tmp/ours", _plasma_directory="/tmp/ours")

    assert given[-1] == {"address": "local"}
    assert os.environ["RAY_TMPDIR"] == "/tmp/ours"

import pytest
import ray
from ray.tune import registry
from ray.tune.execution import class_cache

from se_nas.execution.ray.shortcuts import fewest_processes, quick_trials


def test_all_is_as_it_was_afterwards() -> None:
    before = ray._private.parameter.RayParams, class_cache.DEFAULT_ENV_VARS, registry._global_registry.get

    with fewest_processes(), quick_trials():
        during = ray._private.parameter.RayParams, class_cache.DEFAULT_ENV_VARS, registry._global_registry.get

    after = ray._private.parameter.RayParams, class_cache.DEFAULT_ENV_VARS, registry._global_registry.get
    assert all(now != then for now, then in zip(during, before, strict=True))
    assert after == before


def test_what_a_version_of_ray_does_not_have_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(ray._private.parameter, "RayParams")
    monkeypatch.delattr(class_cache, "ENV_VARS_TO_PROPAGATE")
    monkeypatch.delattr(registry, "_global_registry")

    with fewest_processes(), quick_trials():
        assert class_cache.DEFAULT_ENV_VARS == {}
        assert not hasattr(ray._private.parameter, "RayParams")

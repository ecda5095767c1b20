"""Shortcuts around work that Ray does and a search does not need. Ray has no settings for it. If a version of Ray lacks
one of these attributes, it is left alone, and the search is slower."""

import atexit
import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import ray
from ray.tune import registry
from ray.tune.execution import class_cache


@contextlib.contextmanager
def fewest_processes() -> Iterator[None]:
    """Start a cluster in here without an autoscaler and without the process that forwards logs. A search uses neither,
    but would wait for both. `ray start` has flags for them, `ray.init` has none."""
    without = {"no_monitor": True, "include_log_monitor": False}
    with _changed(ray._private.parameter, RayParams=lambda settings: functools.partial(settings, **without)):
        yield


@contextlib.contextmanager
def silent_driver() -> Iterator[None]:
    """Keep Ray from printing in here. It has a setting for the output of workers, `log_to_driver`, but none for the
    message about a process that has died: a page in colours, with the last lines of its log. The search itself says why
    a training was lost."""
    with _changed(ray._private.worker, print_to_stdstream=lambda _: lambda *_, **__: None):
        yield


@contextlib.contextmanager
def quick_trials() -> Iterator[None]:
    """Let Tune's actors use processes that Ray has already started, and look up their class in the cluster only once.

    Tune gives each actor environment variables (for PyTorch Lightning and Amazon's cloud), and Ray starts a new process
    for an actor with variables of its own. Tune looks up the class five times a trial, which takes 4 ms.
    """
    known = getattr(registry, "_global_registry", None)
    with (
        _changed(class_cache, DEFAULT_ENV_VARS=lambda _: {}, ENV_VARS_TO_PROPAGATE=lambda _: set()),
        _changed(known, get=functools.cache, contains=functools.cache),
    ):
        yield


def leave_lost_cluster() -> None:
    """Remove Ray's work at the exit of this process, which would wait for a cluster that does not answer."""
    for each in (ray.shutdown, getattr(registry, "_unregister_all", None)):
        if each is not None:
            atexit.unregister(each)


@contextlib.contextmanager
def _changed(owner: Any, **changes: Callable[[Any], Any]) -> Iterator[None]:
    """Replace those attributes of `owner` that exist by what `changes` return for them, and restore them at the end."""
    kept = {name: getattr(owner, name) for name in changes if hasattr(owner, name)}
    for name, value in kept.items():
        setattr(owner, name, changes[name](value))
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(owner, name, value)

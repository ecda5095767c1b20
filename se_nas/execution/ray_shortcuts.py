"""What Ray does for others and a search waits for. Ray has no settings for these: an attribute that a version of it
does not have is left alone, and the search is slower."""

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
    """A cluster that starts in here has no autoscaler and nobody who forwards logs: two processes that a search does
    not use, and waits for. `ray start` has switches for them, `ray.init` has none."""
    without = {"no_monitor": True, "include_log_monitor": False}
    with _changed(ray._private.parameter, RayParams=lambda settings: functools.partial(settings, **without)):
        yield


@contextlib.contextmanager
def silent_driver() -> Iterator[None]:
    """Ray prints nothing in here. It has a switch for what workers print, `log_to_driver`, but none for what the
    cluster says of a process that has died: a page in colours, with the last lines of its log. Why a training was lost
    is said by the search."""
    with _changed(ray._private.worker, print_to_stdstream=lambda _: lambda *_, **__: None):
        yield


@contextlib.contextmanager
def quick_trials() -> Iterator[None]:
    """Tune's actors take the processes that Ray has started by then, and it looks their class up in the cluster once.

    Tune would give each actor environment variables, for PyTorch Lightning and for Amazon's cloud, and whoever has its
    own gets a process that is started for it. The class it would look up five times a trial, for 4 ms.
    """
    known = getattr(registry, "_global_registry", None)
    with (
        _changed(class_cache, DEFAULT_ENV_VARS=lambda _: {}, ENV_VARS_TO_PROPAGATE=lambda _: set()),
        _changed(known, get=functools.cache, contains=functools.cache),
    ):
        yield


def leave_lost_cluster() -> None:
    """Nothing of Ray's is done any more when this process ends: it would wait for a cluster that does not answer."""
    for each in (ray.shutdown, getattr(registry, "_unregister_all", None)):
        if each is not None:
            atexit.unregister(each)


@contextlib.contextmanager
def _changed(owner: Any, **changes: Callable[[Any], Any]) -> Iterator[None]:
    """Those of its attributes that it has are what `changes` make of them, for a while."""
    kept = {name: getattr(owner, name) for name in changes if hasattr(owner, name)}
    for name, value in kept.items():
        setattr(owner, name, changes[name](value))
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(owner, name, value)

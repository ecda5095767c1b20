"""Shortcuts around work that Ray does and a search does not need. Ray has no settings for this.

If a version of Ray lacks one of these attributes, the shortcut is not taken, and the search is slower.
"""

import atexit
import contextlib
import functools
import importlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import ray


def private(path: str) -> Any:
    """A module, or an attribute of a module, that Ray does not promise to keep; None if this version lacks it."""
    try:
        return importlib.import_module(path)
    except ImportError:
        module, _, name = path.rpartition(".")
    with contextlib.suppress(ImportError):
        return getattr(importlib.import_module(module), name, None)
    return None


def initialise(**settings: Any) -> None:
    """Call `ray.init`. If Ray refuses the settings whose names begin with an underscore, it gets only the others.

    Then `RAY_TMPDIR` says where its files lie, and Ray itself chooses the place of its object store.
    """
    try:
        ray.init(**settings)
    except RuntimeError as error:
        if "Unknown keyword argument" not in str(error):
            raise
        if "_temp_dir" in settings:
            os.environ["RAY_TMPDIR"] = settings["_temp_dir"]
        ray.init(**{name: value for name, value in settings.items() if not name.startswith("_")})


@contextlib.contextmanager
def fewest_processes() -> Iterator[None]:
    """Let a cluster that starts in the body have no autoscaler and no process that forwards logs.

    A search uses neither, but would wait for both. `ray start` has flags for them, `ray.init` has none.
    """
    without = {"no_monitor": True, "include_log_monitor": False}
    with _changed(private("ray._private.parameter"), RayParams=lambda settings: functools.partial(settings, **without)):
        yield


@contextlib.contextmanager
def silent_driver() -> Iterator[None]:
    """Keep Ray from printing while the body runs.

    Ray has a setting for the output of workers, `log_to_driver`, but none for the message about a process that has
    died: a page in colours, with the last lines of its log. The search itself reports why a training was lost.
    """
    with _changed(private("ray._private.worker"), print_to_stdstream=lambda _: lambda *_, **__: None):
        yield


@contextlib.contextmanager
def quick_trials() -> Iterator[None]:
    """Let Tune's actors use processes that Ray has already started, and look up their class in the cluster only once.

    Tune gives each actor environment variables (for PyTorch Lightning and Amazon's cloud), and Ray starts a new process
    for an actor with variables of its own. Tune looks up the class five times a trial, which takes 4 ms.
    """
    known, classes = private("ray.tune.registry._global_registry"), private("ray.tune.execution.class_cache")
    with (
        _changed(classes, DEFAULT_ENV_VARS=lambda _: {}, ENV_VARS_TO_PROPAGATE=lambda _: set()),
        _changed(known, get=functools.cache, contains=functools.cache),
    ):
        yield


def leave_lost_cluster() -> None:
    """Remove Ray's exit functions from this process. They would wait for a cluster that does not answer."""
    for each in (ray.shutdown, private("ray.tune.registry._unregister_all")):
        if each is not None:
            atexit.unregister(each)


@contextlib.contextmanager
def _changed(owner: Any, **changes: Callable[[Any], Any]) -> Iterator[None]:
    """Replace attributes of `owner`, if they exist, by the results of `changes`. Restore them after the body."""
    kept = {name: getattr(owner, name) for name in changes if hasattr(owner, name)}
    for name, value in kept.items():
        setattr(owner, name, changes[name](value))
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(owner, name, value)

"""Flags that several commands share, with their text in `--help`; and checks of numbers.

The flags of one command are in `flags.py` of its package.
"""

import shlex
from dataclasses import MISSING, fields
from typing import Annotated, Any, Literal, Optional

from tyro.conf import arg

from se_nas.errors import InputError
from se_nas.process.invocation import invocation

EPOCH_SECONDS = 3600.0
"""The seconds after which an epoch counts as hung."""

WandbMode = Literal["auto", "online", "offline", "off"]


def flag(metavar: str, default: str, text: str | None = None) -> Any:
    """A flag for `--help` whose default is not in the signature, because a resumed run may have its own."""
    return arg(metavar=metavar, help=text, help_behavior_hint=f"(default: {default})" if default else "")


Workers = Annotated[
    Optional[int],
    flag(
        "N",
        "one for each CPU core, or as many as the GPUs hold",
        "Trainings at the same time; 1 trains in this process, without Ray.",
    ),
]
GpusPerTrial = Annotated[
    Optional[float],
    flag(
        "X",
        "as much as the largest network drawn needs, and a quarter more",
        "GPUs that a training may use; with 0.25, four trainings share a GPU.",
    ),
]
OwnNetwork = Annotated[
    Optional[str],
    arg(
        name="network",
        metavar="FILE:FUNCTION",
        help="Your own network: a Python file, and its function that takes `place`. The file is run.",
        help_behavior_hint="",
    ),
]
Address = Annotated[
    Optional[str],
    flag("ADDRESS", "start a cluster on this machine", "An existing Ray cluster, e.g. auto or HOST:6379."),
]
Wandb = Annotated[
    WandbMode,
    arg(
        help="W&B: auto follows WANDB_MODE or WANDB_DISABLED; else it is online if you are logged in, or offline.",
    ),
]
RepeatedEpochs = Annotated[Optional[int], flag("N", "the search's", "Epochs of each training.")]
"""The epochs of `confirm` and `ablate`."""


def network_flag(request: Any) -> str:
    """The flag `--network` of a request as the end of another command line; empty without the flag."""
    return "" if request.own_network is None else f" --network {shlex.quote(request.own_network)}"


def check_least(request: Any, **least: float) -> None:
    """Raise InputError for the first number that is below its minimum."""
    for name, value in least.items():
        given = getattr(request, name)
        if given is not None and not given >= value:
            raise InputError(f"--{name.replace('_', '-')} {given}: must be at least {value}")


def spelled(request: Any, command: str, target: str) -> str:
    """The command line of a request: the command, its target, then every flag that is not at its default."""
    flags = [
        word
        for each in fields(request)
        if each.default is not MISSING and getattr(request, each.name) != each.default
        for word in (_flag_of(each.name), str(getattr(request, each.name)))
    ]
    return f"{invocation(command)} {shlex.join([target, *flags])}"


def _flag_of(field: str) -> str:
    """The flag of a field of a request."""
    return "--network" if field == "own_network" else f"--{field.replace('_', '-')}"

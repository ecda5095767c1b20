"""Flags that several commands share: their text in `--help`, and checks of numbers."""

from typing import Any, Literal

from tyro.conf import arg

from se_nas.errors import InputError

EPOCH_SECONDS = 3600.0
"""The seconds after which an epoch counts as hung."""

Wandb = Literal["auto", "online", "offline", "off"]

WORKERS_HINT = "one for each CPU core, or as many as the GPUs hold"
GPUS_HINT = "as much as the largest network drawn needs, and a quarter more"
ADDRESS_HINT = "start a cluster on this machine"


def flag(metavar: str, default: str) -> Any:
    """A flag for `--help` whose default is not in the signature, because a resumed run may have its own."""
    return arg(metavar=metavar, help_behavior_hint=f"(default: {default})" if default else "")


def check_least(request: Any, **least: float) -> None:
    """Raise InputError for the first number that is below its minimum."""
    for name, value in least.items():
        given = getattr(request, name)
        if given is not None and not given >= value:
            raise InputError(f"--{name.replace('_', '-')} {given}: must be at least {value}")

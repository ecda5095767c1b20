"""Decides whether a run is sent to W&B: by the flag, or by W&B's environment variables if the flag is `auto`.

https://docs.wandb.ai/guides/track/environment-variables
"""

from collections.abc import Callable, Mapping

from se_nas.commands.flags import WandbMode
from se_nas.errors import InputError

MODES: dict[str, WandbMode] = {
    "online": "online",
    "run": "online",
    "shared": "online",
    "offline": "offline",
    "dryrun": "offline",
    "disabled": "off",
}
"""The flag for each value of WANDB_MODE; `run` and `dryrun` are earlier names for online and offline."""
YES = {"1", "true", "t", "yes", "y", "on"}
"""Values of WANDB_DISABLED that disable W&B; case does not matter."""


def choose_wandb(
    flag: WandbMode, environment: Mapping[str, str], print_line: Callable[[str], None] = lambda _: None
) -> WandbMode:
    """The mode for W&B. If a variable asks for a mode, `print_line` gets a line with the mode and the reason.

    InputError for a WANDB_MODE that W&B does not know.
    """
    variable, asked = _asked(environment)
    if asked is None and variable and flag != "off":
        raise InputError(f"{variable}: expected one of {', '.join(MODES)}; unset it, or use --wandb off")
    if asked is None:
        return flag
    if flag == "auto":
        print_line(f"W&B       {asked}, because {variable} is set")
        return asked
    if flag != asked:
        print_line(f"W&B       {flag}, because of --wandb {flag}; {variable} is ignored")
    return flag


def _asked(environment: Mapping[str, str]) -> tuple[str, WandbMode | None]:
    """The variable that is set, with its value, and its mode; None for an unknown mode or if no variable is set."""
    disabled = environment.get("WANDB_DISABLED", "")
    if disabled.strip().lower() in YES:
        return f"WANDB_DISABLED={disabled}", "off"
    mode = environment.get("WANDB_MODE", "")
    return (f"WANDB_MODE={mode}", MODES.get(mode)) if mode else ("", None)

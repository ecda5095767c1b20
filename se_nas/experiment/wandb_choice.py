"""Whether W&B hears of a run: as the flag says, or where that is `auto`, as W&B's own variables say.

https://docs.wandb.ai/guides/track/environment-variables
"""

from collections.abc import Callable, Mapping

from se_nas.errors import InputError
from se_nas.experiment.flags import Wandb

MODES: dict[str, Wandb] = {
    "online": "online",
    "run": "online",
    "shared": "online",
    "offline": "offline",
    "dryrun": "offline",
    "disabled": "off",
}
"""What a value of WANDB_MODE asks for; `run` and `dryrun` are its earlier names for online and offline."""
YES = {"1", "true", "t", "yes", "y", "on"}
"""Values of WANDB_DISABLED that disable, in capitals too."""


def choose_wandb(flag: Wandb, environment: Mapping[str, str], tell: Callable[[str], None] = lambda _: None) -> Wandb:
    """What is to be done; where a variable asks for something, `tell` gets a line that says what was taken and why.

    InputError for a WANDB_MODE that W&B does not know, with which it does not start.
    """
    variable, asked = _asked(environment)
    if asked is None and variable and flag != "off":
        raise InputError(f"{variable}: expected one of {', '.join(MODES)}; unset it, or use --wandb off")
    if asked is None:
        return flag
    if flag == "auto":
        tell(f"W&B       {asked}, because {variable} is set")
        return asked
    if flag != asked:
        tell(f"W&B       {flag}, because of --wandb {flag}; {variable} is ignored")
    return flag


def _asked(environment: Mapping[str, str]) -> tuple[str, Wandb | None]:
    """The variable that is set, with its value, and what it asks for: None when none is, or the value is unknown."""
    disabled = environment.get("WANDB_DISABLED", "")
    if disabled.strip().lower() in YES:
        return f"WANDB_DISABLED={disabled}", "off"
    mode = environment.get("WANDB_MODE", "")
    return (f"WANDB_MODE={mode}", MODES.get(mode)) if mode else ("", None)

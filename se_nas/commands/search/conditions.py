"""The conditions that a search trains under: versions, and the machines; what changed since it was begun is printed."""

from collections.abc import Callable, Mapping

from se_nas.commands.search.request import SearchRequest
from se_nas.execution.protocol import Executor
from se_nas.runs.settings import SearchConfig, running_versions
from se_nas.training.devices.device import device_name, pick_device


def conditions_of(request: SearchRequest, executor: Executor) -> dict[str, str]:
    """Versions, and who trains: what the results depend on beside the settings."""
    where = (
        f"a cluster at {request.address}"
        if request.address
        else device_name(pick_device(use_gpu=request.gpus_per_trial != 0))
    )
    return {**running_versions(), "device": f"{where}, {executor.description}"}


def trained_under(
    config: SearchConfig, conditions: Mapping[str, str], tell: Callable[[str], None], *, is_first: bool
) -> SearchConfig:
    """The settings with the conditions that hold from here on. Where something was trained before (not `is_first`),
    they are put behind the earlier ones, and a change is printed."""
    if is_first:
        return config.begun_with(conditions)
    going_on = config.going_on_with(conditions)
    changed = [f"{name} {text}" for name, text in going_on.versions.items() if text != config.versions.get(name)]
    if changed:
        tell(f"versions  {'; '.join(changed)}: what is trained from here on may differ by what changed in between")
    return going_on

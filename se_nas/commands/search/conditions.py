"""The conditions of a search: versions and machines. Changes since the search began are printed."""

from collections.abc import Callable, Mapping, Sequence

from se_nas.commands.executors import Machines
from se_nas.execution.protocol import Executor
from se_nas.runs.settings import SearchConfig, running_versions
from se_nas.searching.records import TrialRecord
from se_nas.training.devices.device import device_name, pick_device


def conditions_of(machines: Machines, executor: Executor) -> dict[str, str]:
    """The versions and the device. The results depend on them and on the settings."""
    where = (
        f"a cluster at {machines.address}"
        if machines.address
        else device_name(pick_device(use_gpu=machines.gpus_per_trial != 0))
    )
    return {**running_versions(), "device": f"{where}, {executor.description}"}


def trained_under(
    config: SearchConfig,
    conditions: Mapping[str, str],
    records: Sequence[TrialRecord],
    print_line: Callable[[str], None],
) -> SearchConfig:
    """The settings with the present conditions.

    If a trial has been trained before, the conditions are appended to the earlier ones, and a change is printed.
    """
    if not any(record.curve for record in records):
        return config.begun_with(conditions)
    continued = config.continued_under(conditions)
    changed = [f"{name} {text}" for name, text in continued.versions.items() if text != config.versions.get(name)]
    if changed:
        print_line(f"versions  {'; '.join(changed)}: what is trained from here on may differ because of this change")
    return continued

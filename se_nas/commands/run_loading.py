"""Loads the parts of a run folder that commands need: its settings and progress, and the trial that a name means."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from se_nas.costs import counted_names
from se_nas.errors import InputError
from se_nas.runs.run_folder import RunFolder
from se_nas.runs.settings import SearchConfig, load_config
from se_nas.searching.pareto import ROLES
from se_nas.searching.progress import SearchProgress
from se_nas.searching.records import TrialRecord
from se_nas.searching.study.study import SearchStudy
from se_nas.searching.surrogate.posterior import settled_progress
from se_nas.space.design_space import DesignSpace
from se_nas.space.files.loading import load_stored_space


def load_progress(folder: RunFolder) -> tuple[SearchConfig, SearchProgress]:
    """The settings and the trials of a run folder."""
    config = load_config(folder)
    objectives = config.parsed_objectives
    space = load_stored_space(folder.space)
    study = SearchStudy(folder.study, objectives, space.decisions)
    try:
        records = with_all_counted_costs(study.records(), space, config)
    finally:
        study.close()
    return config, settled_progress(records, space.decisions, objectives, config.reference, config.budget)


def with_all_counted_costs(
    records: Iterable[TrialRecord], space: DesignSpace, config: SearchConfig
) -> list[TrialRecord]:
    """The records, with the counted costs that the version which trained them did not know."""
    return [
        record if record.cost.keys() >= {*counted_names()} else replace(record, cost=_counted(record, space, config))
        for record in records
    ]


def _counted(record: TrialRecord, space: DesignSpace, config: SearchConfig) -> dict[str, float]:
    from se_nas.models.cost import measure_cost  # imports torch, and most folders need no counting

    network = space.decode(record.assignment)
    counted = measure_cost(network, image_size=config.image_size, num_classes=config.classes, any_size=True)
    return {**counted.as_dict(), **record.cost}


def pick_trial(progress: SearchProgress, pick: str, folder: RunFolder, *, also: tuple[str, ...] = ()) -> TrialRecord:
    """The trial that `knee`, `best`, `cheapest` or a number names.

    InputError if there is none. Its message also lists the names `also`, which the caller accepts.
    """
    if pick in ROLES:
        if not progress.front.members:
            raise InputError(f"{folder.path}: no network is trained in full yet, so there is no {pick}")
        return ROLES[pick](progress.front)
    by_number = {str(record.number): record for record in progress.records}
    if pick not in by_number:
        known = f"trials 0 to {len(by_number) - 1}" if by_number else "no trial yet"
        raise InputError(
            f"{folder.path}: no trial '{pick}'; expected {', '.join([*ROLES, *also])} or a number ({known})"
        )
    return by_number[pick]


def find_folder(network: str) -> tuple[RunFolder, str]:
    """The run folder in `RUN_DIR:TRIAL`, `RUN_DIR:knee`, ..., and the text after the colon.

    InputError if there is no such folder.
    """
    if Path(network).is_dir():
        raise InputError(f"{network}: a folder; say which of its networks, e.g. {network}:knee")
    run_dir, colon, pick = network.rpartition(":")
    if not colon:
        raise InputError(
            f"{network}: expected RUN_DIR:TRIAL, e.g. RUN_DIR:{'knee' if '/' in network else network or 'knee'}"
        )
    return RunFolder.open(Path(run_dir)), pick


def find_trial(network: str) -> tuple[RunFolder, SearchConfig, SearchProgress, TrialRecord]:
    """The trial that `RUN_DIR:TRIAL`, `RUN_DIR:knee`, ... names, with its run; InputError if there is none."""
    folder, pick = find_folder(network)
    config, progress = load_progress(folder)
    return folder, config, progress, pick_trial(progress, pick, folder)

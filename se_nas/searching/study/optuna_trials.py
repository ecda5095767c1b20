"""Reads and writes trials by the functions of Optuna's storages, whatever the format of the file.

This takes several times as long as `trial_rows.py` (`benchmarks/LOG.md`) and is used for formats that this version does
not know. A start and an end are several transactions here. They come in an order in which a killed process loses
nothing: a trial is counted after it exists, and its state changes last.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from optuna.trial import TrialState, create_trial

from se_nas.errors import WriteError
from se_nas.searching.study.busy_file import BusyFile
from se_nas.searching.study.trial_store import COUNT, StoredReport, StoredTrial
from se_nas.space.decisions import Assignment
from se_nas.wording import printable

T = TypeVar("T")


class OptunaTrials:
    """Reads and writes the trials of `study`, whose decisions have `distributions`."""

    def __init__(
        self, storage: RDBStorage, study: optuna.Study, distributions: Mapping[str, BaseDistribution], file: BusyFile
    ) -> None:
        self._storage, self._study, self._distributions, self._file = storage, study, distributions, file
        self._study_id = storage.get_study_id_from_name(study.study_name)

    def read(self) -> list[StoredTrial]:
        """All trials, ordered by number. If the last one was not counted before its process was killed, count it."""
        trials = sorted(self._storage.get_all_trials(self._study_id, deepcopy=False), key=lambda trial: trial.number)
        if len(trials) == self._study.user_attrs.get(COUNT, 0) + 1:
            self._study.set_user_attr(COUNT, len(trials))
        return [
            StoredTrial(
                number=trial.number,
                state=trial.state,
                assignment=dict(trial.params),
                distributions=dict(trial.distributions),
                attributes=dict(trial.user_attrs),
                accuracies=dict(sorted(trial.intermediate_values.items())),
                values=dict(enumerate(trial.values or ())),
            )
            for trial in trials
        ]

    def start(self, number: int, assignment: Assignment, attributes: Mapping[str, Any]) -> None:
        """Add a running trial, and count it."""
        trial = create_trial(
            state=TrialState.RUNNING,
            params=dict(assignment),
            distributions={name: self._distributions[name] for name in assignment},
            user_attrs=dict(attributes),
        )
        self._write(lambda: self._storage.create_new_trial(self._study_id, trial))
        self._write(lambda: self._study.set_user_attr(COUNT, number + 1))

    def report(self, reports: Sequence[StoredReport]) -> None:
        """Write reports of running trials. They replace earlier values."""
        for each in reports:
            trial_id = self._id_of(each.number)
            self._write(partial(self._storage.set_trial_intermediate_value, trial_id, each.epoch, each.accuracy))
            self._set_attributes(trial_id, each.attributes)

    def end(
        self,
        number: int,
        state: TrialState,
        *,
        values: Sequence[float],
        curve: Sequence[float],
        attributes: Mapping[str, Any],
    ) -> None:
        """Close a trial with its curve. Values of later epochs, from a first run that went further, no longer count."""
        trial_id = self._id_of(number)
        written = self._write(lambda: self._storage.get_trial(trial_id)).intermediate_values
        wanted = {**dict.fromkeys(written, math.nan), **dict(enumerate(curve, start=1))}
        for epoch, accuracy in wanted.items():
            if written.get(epoch) != accuracy:
                self._write(partial(self._storage.set_trial_intermediate_value, trial_id, epoch, accuracy))
        self._set_attributes(trial_id, attributes)
        self._write(lambda: self._storage.set_trial_state_values(trial_id, state, values or None))

    def _id_of(self, number: int) -> int:
        return self._write(lambda: self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number))

    def _set_attributes(self, trial_id: int, attributes: Mapping[str, Any]) -> None:
        for name, value in attributes.items():
            self._write(partial(self._storage.set_trial_user_attr, trial_id, name, value))

    def _write(self, change: Callable[[], T]) -> T:
        """The result of one call of Optuna, which is one transaction. WriteError if the file cannot be written."""
        try:
            return self._file.when_free(change)
        except StorageInternalError as error:
            reason = printable(str(error.__cause__ or error).split("\n")[0])
            raise WriteError(f"{self._storage.engine.url.database}: cannot be written ({reason})") from None

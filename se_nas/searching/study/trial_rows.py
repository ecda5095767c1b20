"""Trials as rows of Optuna's tables: one transaction for the start of a trial, for its end, and for several reports.

Optuna's own `add_trial` queries the file twice for every parameter, and a trial's end takes a transaction for each
value. With 18 decisions, that takes 25 ms for each trial (`benchmarks/LOG.md`). Each program that opens a study with
Optuna can read these rows.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.trial import TrialState
from sqlalchemy import Connection, Engine, Table, insert, update
from sqlalchemy.dialects.sqlite import Insert
from sqlalchemy.dialects.sqlite import insert as insert_or_replace
from sqlalchemy.exc import DatabaseError

from se_nas.errors import WriteError
from se_nas.searching.study.busy_file import BusyFile
from se_nas.searching.study.optuna_tables import (
    ATTRIBUTES,
    EPOCHS,
    PARAMETERS,
    STUDY_ATTRIBUTES,
    TRIALS,
    VALUES,
    encoded,
)
from se_nas.searching.study.row_reader import read_rows
from se_nas.searching.study.trial_store import COUNT, StoredReport, StoredTrial
from se_nas.space.decisions import Assignment

T = TypeVar("T")


def _insert_or_replace(table: Table, row: Sequence[str], changed: Sequence[str]) -> Insert:
    """The statement that inserts a row, or changes these columns of an existing row. Making it takes a while."""
    statement = insert_or_replace(table)
    new = {name: statement.excluded[name] for name in changed}
    return statement.on_conflict_do_update(index_elements=list(row), set_=new)


_SET_COUNT = _insert_or_replace(STUDY_ATTRIBUTES, ["study_id", "key"], ["value_json"])
_SET_ATTRIBUTE = _insert_or_replace(ATTRIBUTES, ["trial_id", "key"], ["value_json"])
_SET_EPOCH = _insert_or_replace(EPOCHS, ["trial_id", "step"], ["intermediate_value", "intermediate_value_type"])


class TrialRows:
    """Writes the trials of the study `study_id`, whose decisions have `distributions`."""

    def __init__(
        self, engine: Engine, study_id: int, distributions: Mapping[str, BaseDistribution], file: BusyFile
    ) -> None:
        self._engine, self._study_id, self._distributions, self._file = engine, study_id, distributions, file
        self._as_json = {name: distribution_to_json(each) for name, each in distributions.items()}
        self._ids: dict[int, int] = {}  # the id of a trial's row by the trial's number

    def read(self) -> list[StoredTrial]:
        """All trials, ordered by number. ValueError, TypeError or an error of SQLAlchemy for damaged rows."""
        rows = read_rows(self._engine, self._study_id)
        self._ids = {trial.number: trial_id for trial_id, trial in rows.items()}
        return list(rows.values())

    def _write(self, change: Callable[[Connection], T]) -> T:
        """Make the whole change or none of it. WriteError if the file cannot be written."""

        def transaction() -> T:
            with self._engine.begin() as connection:
                return change(connection)

        try:
            return self._file.when_free(transaction)
        except DatabaseError as error:
            raise WriteError(f"{self._engine.url.database}: cannot be written ({error.orig})") from None

    def start(self, number: int, assignment: Assignment, attributes: Mapping[str, Any]) -> None:
        """Insert a new running trial, and count it."""

        def change(connection: Connection) -> int:
            trial = {"number": number, "study_id": self._study_id, "state": TrialState.RUNNING}
            trial_id: int = connection.execute(insert(TRIALS), {**trial, "datetime_start": _now()}).lastrowid
            parameters = [
                {
                    "trial_id": trial_id,
                    "param_name": name,
                    "param_value": self._distributions[name].to_internal_repr(value),
                    "distribution_json": self._as_json[name],
                }
                for name, value in assignment.items()
            ]
            if parameters:
                connection.execute(insert(PARAMETERS), parameters)
            _set_attributes(connection, trial_id, attributes)
            count = {"study_id": self._study_id, "key": COUNT, "value_json": json.dumps(number + 1)}
            connection.execute(_SET_COUNT, count)
            return trial_id

        self._ids[number] = self._write(change)

    def report(self, reports: Sequence[StoredReport]) -> None:
        """Write reports of running trials. They replace earlier values."""

        def change(connection: Connection) -> None:
            rows = [_epoch_row(self._ids[each.number], each.epoch, each.accuracy) for each in reports]
            connection.execute(_SET_EPOCH, rows)
            for each in reports:
                _set_attributes(connection, self._ids[each.number], each.attributes)

        self._write(change)

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
        trial_id = self._ids[number]
        void, kind = encoded(math.nan)

        def change(connection: Connection) -> None:
            _set_epochs(connection, trial_id, dict(enumerate(curve, start=1)))
            connection.execute(
                update(EPOCHS)
                .where(EPOCHS.c.trial_id == trial_id, EPOCHS.c.step > len(curve))
                .values(intermediate_value=void, intermediate_value_type=kind)
            )
            _set_attributes(connection, trial_id, attributes)
            if values:
                coded = [encoded(value) for value in values]
                rows = [
                    {"trial_id": trial_id, "objective": index, "value": value, "value_type": kind}
                    for index, (value, kind) in enumerate(coded)
                ]
                connection.execute(insert(VALUES), rows)
            connection.execute(
                update(TRIALS).where(TRIALS.c.trial_id == trial_id).values(state=state, datetime_complete=_now())
            )

        self._write(change)


def _set_epochs(connection: Connection, trial_id: int, accuracies: Mapping[int, float]) -> None:
    """Write the accuracy after each epoch. It replaces an earlier value."""
    if not accuracies:
        return
    connection.execute(_SET_EPOCH, [_epoch_row(trial_id, epoch, accuracy) for epoch, accuracy in accuracies.items()])


def _epoch_row(trial_id: int, epoch: int, accuracy: float) -> dict[str, Any]:
    value, kind = encoded(accuracy)
    return {"trial_id": trial_id, "step": epoch, "intermediate_value": value, "intermediate_value_type": kind}


def _set_attributes(connection: Connection, trial_id: int, attributes: Mapping[str, Any]) -> None:
    """Write user attributes. They replace earlier values."""
    if not attributes:
        return
    connection.execute(
        _SET_ATTRIBUTE,
        [{"trial_id": trial_id, "key": key, "value_json": json.dumps(value)} for key, value in attributes.items()],
    )


def _now() -> datetime:
    """The current time as Optuna stores it: UTC, without a time zone."""
    return datetime.now(UTC).replace(tzinfo=None)

"""The Optuna study in the run folder: the one record of truth. `optuna-dashboard` opens the same file.

SQLite does not notice every flipped bit, so a trial carries a seal over all that is known when it has started, and
when it has ended, and the study says how many there are.
"""

import warnings
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
from optuna.distributions import BaseDistribution
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial

from se_nas.errors import InputError, WriteError
from se_nas.files import put_in_place
from se_nas.seals import seal
from se_nas.search.busy_file import ATTEMPT_SECONDS, BusyFile
from se_nas.search.objectives import COSTS, Objectives
from se_nas.search.optuna_strategy import STATES, optuna_distribution
from se_nas.search.pruning import FrontPruner
from se_nas.search.records import TrialRecord, TrialStatus
from se_nas.search.trial_rows import COUNT, TrialRows
from se_nas.space.decisions import Decision
from se_nas.wording import printable

STUDY_NAME = "se-nas"


class SearchStudy:
    """Trials as records, kept in an Optuna study in an SQLite file."""

    def __init__(
        self,
        path: Path,
        objectives: Objectives,
        decisions: Mapping[str, Decision],
        *,
        file: BusyFile | None = None,
    ) -> None:
        """Open the study at `path`, or make it where no file is; InputError when the file is damaged or of another
        search, WriteError when another program keeps it locked.

        `file` is the same path, and says how long to wait for such a lock and who gets a line then.
        """
        optuna.logging.set_verbosity(optuna.logging.ERROR)  # its log lines would break the live table
        self._path = path
        self._objectives = objectives
        self._distributions: dict[str, BaseDistribution] = {
            name: optuna_distribution(decision) for name, decision in decisions.items()
        }
        self._file = file or BusyFile(path)
        try:
            self._file.when_free(self._open)
        except (InputError, WriteError):
            raise
        except Exception as error:  # noqa: BLE001 - a damaged file fails in SQLite, SQLAlchemy and Optuna in many ways
            reason = printable(str(error.__cause__ or error).split("\n")[0])
            raise InputError(f"{path}: the study cannot be opened ({reason}); restore it from a copy") from None

    def _open(self) -> None:
        if not self._path.exists():
            _create(self._path, self._objectives)
        self._storage = _storage(self._path)
        self.study = optuna.load_study(storage=self._storage, study_name=STUDY_NAME)
        with self._storage.engine.connect() as connection:
            if (found := connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()) != "ok":
                raise ValueError(found)
        self._rows = TrialRows(self._storage.engine, self.study._study_id, self._distributions, self._file)
        self._ids = {trial.number: trial._trial_id for trial in self.study.get_trials(deepcopy=False)}
        self._check_same_search()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            if self.study.metric_names != list(self._objectives.names):
                self.study.set_metric_names(list(self._objectives.names))

    def start(self, record: TrialRecord) -> None:
        """Write down a new running trial, whole or not at all."""
        attributes = {
            "fingerprint": record.fingerprint,
            "se": list(record.se),
            "memo": dict(record.memo),
            "seal": _seal(record),
            **record.cost,
        }
        self._ids[record.number] = self._rows.start(record.number, record.assignment, attributes)

    def report(self, number: int, *, epoch: int, accuracy: float, costs: Mapping[str, float]) -> None:
        """Write down the accuracy after an epoch, and costs that were measured since the start."""
        self._rows.report(self._ids[number], epoch=epoch, accuracy=accuracy, attributes=costs)

    def reason_to_stop(self, number: int, epoch: int, pruner: FrontPruner) -> str | None:
        """What the pruner says of a running trial after `epoch`.

        A trial begun anew may still have later values of its first run, which do not count.
        """
        return self._file.when_free(
            lambda: pruner.reason_to_stop(self.study, self._storage.get_trial(self._ids[number]), epoch)
        )

    def finish(self, record: TrialRecord) -> None:
        """Close a trial with all that is known of it, whole or not at all."""
        end = {"epochs": len(record.curve), "seconds": record.seconds, "reason": record.reason}
        self._rows.end(
            self._ids[record.number],
            STATES[record.status],
            values=record.values(self._objectives.names) if record.status is TrialStatus.COMPLETE else (),
            curve=record.curve,
            attributes={**record.cost, "end": end, "seal": _seal(record)},
        )

    def records(self) -> list[TrialRecord]:
        """Every trial, in order; InputError where the file does not hold what was written."""
        trials, written = self._file.when_free(
            lambda: (self.study.get_trials(deepcopy=False), self.study.user_attrs.get(COUNT, 0))
        )
        if len(trials) != written:
            raise InputError(
                f"{self._path}: holds {len(trials)} of {written} trials, so it was damaged; restore it from a copy"
            )
        return [self._verified(number, trial) for number, trial in enumerate(trials)]

    def _verified(self, number: int, trial: FrozenTrial) -> TrialRecord:
        try:
            record = _record(trial)
            values = record.values(self._objectives.names) if record.status is TrialStatus.COMPLETE else None
            whole = record.number == number and trial.user_attrs["seal"] == _seal(record)
            same_values = values is None or tuple(trial.values) == values
        except (KeyError, TypeError, ValueError, AttributeError):
            whole = same_values = False
        if not (whole and same_values):
            raise InputError(
                f"{self._path}: trial {number} is not what was written, so the file was damaged or edited; restore it "
                "from a copy (networks and curves are also in trials/*/architecture.yaml and result.json)"
            )
        return record

    def _check_same_search(self) -> None:
        directions = [objective.direction for objective in self._objectives]
        names = self.study.metric_names
        trials = self.study.get_trials(deepcopy=False)
        if (
            [direction.name.lower() for direction in self.study.directions] != directions
            or (names is not None and names != list(self._objectives.names))
            or any(trial.distributions != self._distributions for trial in trials)
        ):
            self.close()
            raise InputError(f"{self._path}: the study of another search: its objectives or decisions differ")

    def close(self) -> None:
        """Release the file."""
        self._storage.remove_session()
        self._storage.engine.dispose()


def _storage(path: Path) -> RDBStorage:
    address = sqlalchemy.URL.create("sqlite", database=str(path)).render_as_string(False)
    return RDBStorage(address, engine_kwargs={"connect_args": {"timeout": ATTEMPT_SECONDS}})


def _create(path: Path, objectives: Objectives) -> None:
    """An empty study, whole or not at all: Optuna takes half a second for it."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    storage = _storage(draft)
    directions = [objective.direction for objective in objectives]
    optuna.create_study(storage=storage, study_name=STUDY_NAME, directions=directions)
    storage.remove_session()
    storage.engine.dispose()
    put_in_place(draft, path)


def _record(trial: FrozenTrial) -> TrialRecord:
    status = {state: status for status, state in STATES.items()}[trial.state]
    attributes: dict[str, Any] = trial.user_attrs
    end = attributes.get("end", {})
    curve = [value for _, value in sorted(trial.intermediate_values.items())]
    return TrialRecord(
        number=trial.number,
        status=status,
        assignment=dict(trial.params),
        fingerprint=attributes["fingerprint"],
        se=tuple(attributes["se"]),
        cost={name: attributes[name] for name in COSTS if name in attributes},
        memo=attributes["memo"],
        curve=tuple(curve[: end.get("epochs")]),
        seconds=end.get("seconds", 0.0),
        reason=end.get("reason", ""),
    )


def _seal(record: TrialRecord) -> str:
    """Over an ended trial whole, and over what is known of a running one at its start."""
    if record.status is TrialStatus.RUNNING:
        counted = {name: value for name, value in record.cost.items() if name != "latency"}
        record = replace(record, curve=(), seconds=0.0, cost=counted)
    return seal(asdict(record))

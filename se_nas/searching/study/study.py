"""The Optuna study in the run folder, the only source of truth. `optuna-dashboard` opens the same file.

SQLite does not notice every flipped bit. So each trial has checksums (`stored_record.py`), and the study contains the
number of its trials.
"""

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import optuna
import sqlalchemy
from optuna.distributions import BaseDistribution
from optuna.storages import RDBStorage

from se_nas.errors import InputError, WriteError
from se_nas.files import put_in_place
from se_nas.searching.objectives import Objectives
from se_nas.searching.propose.optuna_strategy import STATES, optuna_distribution
from se_nas.searching.records import TrialRecord, TrialStatus
from se_nas.searching.stop.pruning import FrontPruner
from se_nas.searching.study import optuna_tables
from se_nas.searching.study.busy_file import ATTEMPT_SECONDS, BusyFile
from se_nas.searching.study.optuna_trials import OptunaTrials
from se_nas.searching.study.stored_record import curves_of, end_attributes, record_of, start_attributes
from se_nas.searching.study.trial_rows import TrialRows
from se_nas.searching.study.trial_store import COUNT, StoredReport, StoredTrial, TrialStore
from se_nas.space.decisions import Decision
from se_nas.wording import printable

T = TypeVar("T")

STUDY_NAME = "se-nas"
REPORT_SECONDS = 1.0
"""The shortest time between two writes of reports. Each write waits for the disk, and with hundreds of running trials
there are a hundred reports a second."""


class SearchStudy:
    """The trials of a search as records, stored in an Optuna study in an SQLite file."""

    def __init__(
        self,
        path: Path,
        objectives: Objectives,
        decisions: Mapping[str, Decision],
        *,
        file: BusyFile | None = None,
    ) -> None:
        """Open the study at `path`, or make it if no file exists.

        InputError if the file is damaged or belongs to another search. WriteError if another program keeps it locked or
        if it cannot be made. `file` is for the same path and waits for such a lock.
        """
        optuna.logging.set_verbosity(optuna.logging.ERROR)  # its log lines would break the live table
        self._path = path
        self._objectives = objectives
        self._distributions: dict[str, BaseDistribution] = {
            name: optuna_distribution(decision) for name, decision in decisions.items()
        }
        self._file = file or BusyFile(path)
        self._unwritten: dict[tuple[int, int], StoredReport] = {}  # by number and epoch
        self._reports_written = -math.inf
        if not path.exists():
            _create(path, objectives)
        self._read(self._open)

    def _read(self, action: Callable[[], T]) -> T:
        """The result of reading the file as soon as no program locks it. InputError if the file is damaged."""
        try:
            return self._file.when_free(action)
        except (InputError, WriteError, NameError, ImportError, MemoryError):  # a damaged file does not cause these
            raise
        except Exception as error:  # noqa: BLE001 - a damaged file fails in SQLite, SQLAlchemy and Optuna in many ways
            reason = printable(str(error.__cause__ or error).split("\n")[0])
            raise InputError(f"{self._path}: the study cannot be opened ({reason}); restore it from a copy") from None

    def _open(self) -> None:
        self._storage = _storage(self._path)
        self.study = optuna.load_study(storage=self._storage, study_name=STUDY_NAME)
        with self._storage.engine.connect() as connection:
            if (found := connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()) != "ok":
                raise ValueError(found)
        self._store = self._open_store()
        self._opened: list[StoredTrial] | None = self._store.read()  # until the first change
        self._check_same_search(self._opened)
        self._curves = curves_of(self._opened, self._objectives.costs)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            if self.study.metric_names != list(self._objectives.names):
                self.study.set_metric_names(list(self._objectives.names))

    def _open_store(self) -> TrialStore:
        """The quick way to read and write trials for formats that this version knows, else Optuna's own way."""
        if self._storage.get_current_version() not in optuna_tables.KNOWN_FORMATS:
            return OptunaTrials(self._storage, self.study, self._distributions, self._file)
        study_id = self._storage.get_study_id_from_name(STUDY_NAME)
        return TrialRows(self._storage.engine, study_id, self._distributions, self._file)

    def start(self, record: TrialRecord) -> None:
        """Store a new running trial as a whole or not at all."""
        self._opened = None
        self._store.start(record.number, record.assignment, start_attributes(record))
        self._curves.begin(record.number, record.cost)

    def report(self, number: int, *, epoch: int, accuracy: float, costs: Mapping[str, float]) -> None:
        """Store the accuracy after an epoch, and costs that were measured since the start.

        If reports were written within the last `REPORT_SECONDS`, this one is written with a later report, or with the
        end of its trial. It only matters to people who look at the file meanwhile: a resumed trial reports again.
        """
        self._opened = None
        self._unwritten[number, epoch] = StoredReport(number=number, epoch=epoch, accuracy=accuracy, attributes=costs)
        if time.monotonic() >= self._reports_written + REPORT_SECONDS:
            self._write_reports()
        self._curves.report(number, epoch=epoch, accuracy=accuracy, costs=costs)

    def _write_reports(self) -> None:
        if self._unwritten:
            self._store.report(list(self._unwritten.values()))
            self._unwritten.clear()
            self._reports_written = time.monotonic()

    def reason_to_stop(self, number: int, epoch: int, pruner: FrontPruner) -> str | None:
        """The pruner's reason to stop a running trial after `epoch`; None if the trial goes on.

        A trial that was started again may still have later values of its first run. They do not count.
        """
        return pruner.judge(self._curves, number, epoch)

    def finish(self, record: TrialRecord) -> None:
        """Store everything that is known of an ended trial, as a whole or not at all."""
        self._opened = None
        self._store.end(
            record.number,
            STATES[record.status],
            values=record.values(self._objectives.names) if record.status is TrialStatus.COMPLETE else (),
            curve=record.curve,
            attributes=end_attributes(record),
        )
        self._unwritten = {key: each for key, each in self._unwritten.items() if each.number != record.number}
        failed = record.status is TrialStatus.FAILED
        self._curves.end(record.number, record.curve, record.cost, failed=failed)

    def records(self) -> list[TrialRecord]:
        """All trials by number. InputError if the file does not contain what was written."""
        self._write_reports()
        trials, self._opened = self._opened or self._read(self._store.read), None
        written = self._read(lambda: self.study.user_attrs.get(COUNT, 0))
        if len(trials) != written:
            raise InputError(
                f"{self._path}: holds {len(trials)} of {written} trials, so it was damaged; restore it from a copy"
            )
        return [self._verified(number, trial) for number, trial in enumerate(trials)]

    def _verified(self, number: int, trial: StoredTrial) -> TrialRecord:
        try:
            record = record_of(trial)
            values = record.values(self._objectives.names) if record.status is TrialStatus.COMPLETE else None
            whole = record.number == number and (values is None or tuple(trial.values.values()) == values)
        except (KeyError, TypeError, ValueError, AttributeError):
            whole = False
        if not whole:
            raise InputError(
                f"{self._path}: trial {number} is not what was written, so the file was damaged or edited; restore it "
                "from a copy (networks and curves are also in trials/*/architecture.yaml and result.json)"
            )
        return record

    def _check_same_search(self, trials: Sequence[StoredTrial]) -> None:
        directions = [objective.direction for objective in self._objectives]
        names = self.study.metric_names
        if (
            [direction.name.lower() for direction in self.study.directions] != directions
            or (names is not None and names != list(self._objectives.names))
            or any(trial.distributions != self._distributions for trial in trials)
        ):
            self.close()
            raise InputError(f"{self._path}: it belongs to another search: its objectives or decisions differ")

    def close(self) -> None:
        """Release the file."""
        self._storage.remove_session()
        self._storage.engine.dispose()


def _storage(path: Path, *, is_new: bool = False) -> RDBStorage:
    """The study's file for Optuna, which makes the tables if it `is_new`, and otherwise checks their format."""
    address = sqlalchemy.URL.create("sqlite", database=str(path)).render_as_string(False)
    settings = {"connect_args": {"timeout": ATTEMPT_SECONDS}}
    return RDBStorage(address, engine_kwargs=settings, skip_compatibility_check=is_new)


def _create(path: Path, objectives: Objectives) -> None:
    """Make an empty study as a whole or not at all, since Optuna needs half a second. WriteError if that fails."""
    draft = path.with_name(f".{path.name}.new")
    directions = [objective.direction for objective in objectives]
    try:
        draft.unlink(missing_ok=True)
        storage = _storage(draft, is_new=True)
        optuna.create_study(storage=storage, study_name=STUDY_NAME, directions=directions)
        storage.remove_session()
        storage.engine.dispose()
        put_in_place(draft, path)
    except (OSError, sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        reason = printable(str(error.__cause__ or error).split("\n")[0])
        raise WriteError(f"{path}: cannot be made ({reason})") from None

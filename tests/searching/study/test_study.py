import json
import math
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from se_nas.errors import InputError, WriteError
from se_nas.searching.failures import Failure, FailureKind
from se_nas.searching.objectives import Objectives
from se_nas.searching.propose.optuna_strategy import STATES, optuna_distribution
from se_nas.searching.records import TrialRecord, TrialStatus
from se_nas.searching.study.study import STUDY_NAME, SearchStudy
from se_nas.space.decisions import Categorical, FloatRange, IntRange
from tests.fakes import NOT_COMPLETE, THREE_OBJECTIVES, TWO_OBJECTIVES, record

DECISIONS: dict[str, Any] = {
    "se": Categorical((False, True)),
    "site": Categorical(("inner", "post")),
    "reduction": Categorical((2, 2.5, 4.0)),
    "depth": IntRange(2, 10, 2),
    "slope": FloatRange(0.0, 1.0),
}
ASSIGNMENT = {"se": True, "site": "post", "reduction": 4.0, "depth": 6, "slope": 0.1 + 0.2}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "study.db"


@pytest.fixture
def study(path: Path) -> Iterator[SearchStudy]:
    study = SearchStudy(path, TWO_OBJECTIVES, DECISIONS)
    yield study
    study.close()


def running(number: int = 0, **changes: Any) -> TrialRecord:
    return record(number, status=TrialStatus.RUNNING, assignment=ASSIGNMENT, curve=(), **changes)


def train(study: SearchStudy, ended: TrialRecord) -> None:
    """Start a trial, report its curve and close it with the record `ended`."""
    study.start(running(ended.number, memo=ended.memo, **ended.cost))
    for epoch, accuracy in enumerate(ended.curve, start=1):
        study.report(ended.number, epoch=epoch, accuracy=accuracy, costs={})
    study.finish(ended)


def reopened(path: Path) -> list[TrialRecord]:
    study = SearchStudy(path, TWO_OBJECTIVES, DECISIONS)
    try:
        return study.records()
    finally:
        study.close()


def types(mapping: Mapping[str, object]) -> list[type]:
    return [type(value) for value in mapping.values()]


class TestRecords:
    @pytest.mark.parametrize("status", [status for status in TrialStatus if status is not TrialStatus.RUNNING])
    def test_an_ended_trial_comes_back_exactly(self, study: SearchStudy, path: Path, status: TrialStatus) -> None:
        ended = record(
            status=status,
            assignment=ASSIGNMENT,
            curve=(1 / 3, 0.1 + 0.2, 1e-17),
            seconds=math.pi,
            reason="" if status is TrialStatus.COMPLETE else "why — in any 'words'",
            memo={"generation": 3, "params:0": '{"depth": 6}', "list": [1, None, 0.5]},
            flops=401_842_848,
            params=2**40,
            latency=0.1,
        )

        train(study, ended)

        for stored in (study.records(), reopened(path)):
            assert stored == [ended]
            assert types(stored[0].assignment) == [bool, str, float, int, float]
            assert types(stored[0].cost) == [int, int, float]

    @pytest.mark.parametrize(
        ("name", "value"), [(name, value) for name in ("se", "site", "reduction") for value in DECISIONS[name].values()]
    )
    def test_a_choice_comes_back_with_its_value_and_type(self, study: SearchStudy, name: str, value: object) -> None:
        study.start(record(status=TrialStatus.RUNNING, assignment={**ASSIGNMENT, name: value}, curve=()))

        stored = study.records()[0].assignment[name]

        assert (type(stored), stored) == (type(value), value)

    def test_trials_come_in_the_order_of_their_numbers(self, study: SearchStudy, path: Path) -> None:
        for number in range(3):
            study.start(running(number))
        study.finish(record(2, assignment=ASSIGNMENT))
        study.finish(record(0, assignment=ASSIGNMENT))

        assert [(one.number, one.status) for one in reopened(path)] == [
            (0, TrialStatus.COMPLETE),
            (1, TrialStatus.RUNNING),
            (2, TrialStatus.COMPLETE),
        ]

    def test_a_running_trial_comes_back_with_all_its_reports(self, study: SearchStudy, path: Path) -> None:
        study.start(running(memo={"generation": 1}, flops=100))
        study.report(0, epoch=1, accuracy=0.25, costs={"latency": 1.5})
        study.report(0, epoch=2, accuracy=0.5, costs={})

        expected = replace(running(memo={"generation": 1}, flops=100, latency=1.5), curve=(0.25, 0.5))
        assert study.records() == [expected]
        assert reopened(path) == [expected]

    def test_the_end_of_a_trial_holds_whether_or_not_its_reports_were_written_before(
        self, study: SearchStudy, path: Path
    ) -> None:
        """Reports in quick succession are written together."""
        for number in range(3):
            study.start(running(number))
            for epoch in (1, 2, 3):
                study.report(number, epoch=epoch, accuracy=0.5, costs={})

        for number, curve in enumerate([(0.5,), (0.5, 0.5), (0.5, 0.5, 0.75)]):
            study.finish(record(number, assignment=ASSIGNMENT, status=TrialStatus.PRUNED, curve=curve, reason="why"))
        study.records()

        assert [one.curve for one in reopened(path)] == [(0.5,), (0.5, 0.5), (0.5, 0.5, 0.75)]
        left = [trial.intermediate_values for trial in study.study.get_trials()]
        assert [sum(map(math.isfinite, accuracies.values())) for accuracies in left] == [1, 2, 3]

    def test_an_epoch_reported_again_replaces_the_first_report(self, study: SearchStudy) -> None:
        study.start(running())
        for accuracy in (0.25, 0.75):
            study.report(0, epoch=1, accuracy=accuracy, costs={})

        assert study.records()[0].curve == (0.75,)

    def test_epochs_of_a_first_run_beyond_the_second_run_do_not_count(self, study: SearchStudy) -> None:
        study.start(running())
        for epoch in (1, 2, 3):
            study.report(0, epoch=epoch, accuracy=0.5, costs={})

        study.finish(replace(running(), status=TrialStatus.FAILED, curve=(0.5,), reason="out of memory"))

        left = study.study.get_trials()[0].intermediate_values
        assert [epoch for epoch, accuracy in left.items() if math.isfinite(accuracy)] == [1]

    def test_a_trial_can_be_closed_after_reopening(self, study: SearchStudy, path: Path) -> None:
        study.start(running())
        study.close()

        again = SearchStudy(path, TWO_OBJECTIVES, DECISIONS)
        again.finish(record(status=TrialStatus.FAILED, assignment=ASSIGNMENT, reason="out of memory"))
        again.close()

        assert [(one.status, one.reason) for one in reopened(path)] == [(TrialStatus.FAILED, "out of memory")]


class TestTheViewOfOptuna:
    """`optuna-dashboard` and notebooks open the file without se-nas."""

    def test_optuna_sees_the_states_values_and_names(self, study: SearchStudy, path: Path) -> None:
        for number, status in enumerate([TrialStatus.COMPLETE, TrialStatus.PRUNED, TrialStatus.FAILED]):
            train(study, record(number, status=status, assignment=ASSIGNMENT, accuracy=0.5, flops=100))

        plain = optuna.load_study(study_name=STUDY_NAME, storage=f"sqlite:///{path}")

        assert [trial.state for trial in plain.trials] == [TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL]
        assert [trial.values for trial in plain.trials] == [[0.5, 100.0], None, None]
        assert [direction.name for direction in plain.directions] == ["MAXIMIZE", "MINIMIZE"]
        assert plain.metric_names == ["accuracy", "flops"]
        assert [trial.number for trial in plain.best_trials] == [0]
        assert plain.trials[0].params == ASSIGNMENT

    @pytest.mark.parametrize("state", [TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL])
    def test_trials_are_the_same_as_if_optuna_had_written_them(
        self, study: SearchStudy, path: Path, state: TrialState
    ) -> None:
        status = {state: status for status, state in STATES.items()}[state]
        before = datetime.now()
        train(study, record(status=status, assignment=ASSIGNMENT, curve=(0.25, 0.5), reason="why", memo={"x": [1]}))
        ours = study.study.get_trials()[0]
        theirs = optuna.create_study(
            storage=f"sqlite:///{path.with_name('theirs.db')}", directions=["maximize", "minimize"]
        )
        theirs.add_trial(
            optuna.trial.create_trial(
                state=state,
                values=[0.5, 100] if state is TrialState.COMPLETE else None,
                params=ASSIGNMENT,
                distributions={name: optuna_distribution(decision) for name, decision in DECISIONS.items()},
                user_attrs=ours.user_attrs,
                intermediate_values={1: 0.25, 2: 0.5},
            )
        )

        written = theirs.get_trials()[0]
        started, ended = ours.datetime_start, ours.datetime_complete
        written.datetime_start, written.datetime_complete = started, ended
        assert ours == written
        assert started is not None and ended is not None  # noqa: PT018
        assert before <= started <= ended <= datetime.now()

    @pytest.mark.parametrize("status", NOT_COMPLETE)
    def test_only_a_complete_trial_has_values(self, study: SearchStudy, status: TrialStatus) -> None:
        study.start(running())
        study.report(0, epoch=1, accuracy=0.9, costs={})
        if status is not TrialStatus.RUNNING:
            study.finish(record(status=status, assignment=ASSIGNMENT, accuracy=0.9, reason="why"))

        assert study.study.trials[0].values is None


class TestFailures:
    FAILURE = Failure(reason="no images — 'none'", kind=FailureKind.PLACE, node="machine 7", at_once=True, signal=None)

    def written(self, study: SearchStudy, path: Path, failure: Failure) -> dict[str, Any]:
        """Write a failed trial; return the stored attribute with its end."""
        failed = record(status=TrialStatus.FAILED, assignment=ASSIGNMENT, reason=failure.text, failure=failure)
        train(study, failed)
        study.close()
        with sqlite3.connect(path) as connection:
            (end,) = connection.execute("SELECT value_json FROM trial_user_attributes WHERE key = 'end'").fetchone()
        connection.close()
        return dict(json.loads(end))

    def rewrite(self, path: Path, end: dict[str, Any]) -> None:
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE trial_user_attributes SET value_json = ? WHERE key = 'end'", [json.dumps(end)])
        connection.close()

    @pytest.mark.parametrize("kind", FailureKind)
    def test_a_failure_comes_back_exactly(self, study: SearchStudy, path: Path, kind: FailureKind) -> None:
        failure = replace(self.FAILURE, kind=kind, signal=9)

        assert self.written(study, path, failure)["failure"]["values"]["kind"] == kind.name.lower()
        assert [one.failure for one in reopened(path)] == [failure]

    def test_a_failure_of_earlier_versions_is_read_from_its_text(self, study: SearchStudy, path: Path) -> None:
        end = self.written(study, path, self.FAILURE)
        del end["failure"]
        self.rewrite(path, end)

        (read,) = reopened(path)

        assert read.failure is not None
        assert read.failure.kind is FailureKind.PLACE
        assert read.failure.text == read.reason == self.FAILURE.text

    @pytest.mark.parametrize("damage", [{"kind": "memory"}, {"kind": "other"}, {"node": None}, {"more": 1}])
    def test_a_damaged_failure_is_refused_with_one_line(
        self, study: SearchStudy, path: Path, damage: dict[str, Any]
    ) -> None:
        end = self.written(study, path, self.FAILURE)
        end["failure"]["values"] |= damage
        self.rewrite(path, end)

        with pytest.raises(InputError, match="trial 0 is not what was written"):
            reopened(path)


class TestWrongFiles:
    @pytest.mark.parametrize(
        "damage",
        [
            lambda path: path.write_bytes(b"not a database " * 100),
            lambda path: path.write_bytes(path.read_bytes()[:5000]),
            lambda path: path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 40_000),
            lambda path: (path.unlink(), path.mkdir()),
        ],
        ids=["text", "truncated", "overwritten", "folder"],
    )
    def test_a_damaged_file_is_refused_with_one_line_that_names_it(
        self, study: SearchStudy, path: Path, damage: Callable[[Path], object]
    ) -> None:
        train(study, record(assignment=ASSIGNMENT))
        study.close()
        damage(path)

        with pytest.raises(InputError) as refusal:
            SearchStudy(path, TWO_OBJECTIVES, DECISIONS)

        assert str(refusal.value).startswith(f"{path}: ")
        assert "\n" not in str(refusal.value)

    def test_a_study_that_cannot_be_made_is_not_reported_as_damaged(self, tmp_path: Path) -> None:
        missing = tmp_path / "none" / "study.db"

        with pytest.raises(WriteError, match=r"study\.db: cannot be made \("):
            SearchStudy(missing, TWO_OBJECTIVES, DECISIONS)

    @pytest.mark.parametrize("place", ["create_study", "load_study"])
    @pytest.mark.parametrize("error", [NameError("name 'x' is not defined"), ImportError("no module"), MemoryError()])
    def test_an_error_of_the_program_is_not_reported_as_damage(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, place: str, error: Exception
    ) -> None:
        def fail(**_: Any) -> None:
            raise error

        monkeypatch.setattr(optuna, place, fail)

        with pytest.raises(type(error)):
            SearchStudy(path, TWO_OBJECTIVES, DECISIONS)

    def test_a_full_disk_is_reported_when_the_study_is_made(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: Any) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("se_nas.searching.study.study.put_in_place", full)

        with pytest.raises(WriteError, match=r"study\.db: cannot be made \(.*No space left on device"):
            SearchStudy(path, TWO_OBJECTIVES, DECISIONS)

    @pytest.mark.parametrize(
        ("objectives", "decisions"),
        [
            (THREE_OBJECTIVES, DECISIONS),
            (Objectives(("params",)), DECISIONS),
            (TWO_OBJECTIVES, {**DECISIONS, "depth": IntRange(2, 12, 2)}),
        ],
        ids=["number of objectives", "cost", "decisions"],
    )
    def test_the_study_of_another_search_is_refused(
        self, study: SearchStudy, path: Path, objectives: Objectives, decisions: dict[str, Any]
    ) -> None:
        train(study, record(assignment=ASSIGNMENT))

        with pytest.raises(InputError, match="another search") as refusal:
            SearchStudy(path, objectives, decisions).close()
        assert "\n" not in str(refusal.value)

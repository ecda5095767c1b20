"""A study whose format this version does not know is read and written by Optuna's own functions."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy

from se_nas.execution.local import LocalExecutor
from se_nas.searching.records import TrialRecord, TrialStatus
from se_nas.searching.study import optuna_tables
from se_nas.searching.study.study import SearchStudy
from tests.fakes import TWO_OBJECTIVES, record
from tests.searching.study.test_study import ASSIGNMENT, DECISIONS, reopened, running, train
from tests.searching.test_loop import Clock, loop_on, reports, search

TRIALS = 2


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "study.db"


@pytest.fixture
def unknown(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """No format is known while the test runs."""
    with monkeypatch.context() as patched:
        patched.setattr(optuna_tables, "KNOWN_FORMATS", ())
        yield patched


@pytest.fixture
def known(tmp_path: Path, path: Path) -> list[TrialRecord]:
    """The records of a search on a study whose format is known."""
    search(tmp_path / "known.db", budget=TRIALS)
    return sorted_records(tmp_path / "known.db")


def sorted_records(path: Path) -> list[TrialRecord]:
    with loop_on(path, budget=TRIALS) as loop:
        return list(loop.records.values())


@pytest.mark.usefixtures("unknown")
def test_every_trial_comes_back_exactly(path: Path) -> None:
    study = SearchStudy(path, TWO_OBJECTIVES, DECISIONS)
    ended = [
        record(
            number,
            status=status,
            assignment=ASSIGNMENT,
            curve=(1 / 3, 0.1 + 0.2),
            seconds=1.5,
            reason="" if status is TrialStatus.COMPLETE else "why",
            memo={"generation": 3},
            flops=401_842_848,
            latency=0.1,
        )
        for number, status in enumerate((TrialStatus.COMPLETE, TrialStatus.PRUNED, TrialStatus.FAILED))
    ]
    for each in ended:
        train(study, each)
    study.start(running(3, flops=100))
    study.report(3, epoch=1, accuracy=0.25, costs={"latency": 1.5})
    study.records()  # writes the last report, too
    study.close()

    assert reopened(path) == [*ended, replace(running(3, flops=100, latency=1.5), curve=(0.25,))]


def test_a_known_format_reads_what_optuna_wrote(path: Path, unknown: pytest.MonkeyPatch) -> None:
    study = SearchStudy(path, TWO_OBJECTIVES, DECISIONS)
    train(study, record(assignment=ASSIGNMENT, curve=(0.25, 0.5)))
    study.close()
    written = reopened(path)
    unknown.undo()

    assert reopened(path) == written


@pytest.mark.usefixtures("unknown")
def test_a_search_finds_the_same_whether_its_format_is_known_or_not(path: Path, known: list[TrialRecord]) -> None:
    search(path, budget=TRIALS)

    assert sorted_records(path) == known


@pytest.mark.usefixtures("unknown")
def test_a_search_killed_between_any_two_writes_resumes_to_the_same_end(
    tmp_path: Path, path: Path, known: list[TrialRecord]
) -> None:
    left: list[bytes] = []

    def look(_: object) -> None:
        if (content := path.read_bytes()) not in left:
            left.append(content)

    with loop_on(path, budget=TRIALS) as loop:
        sqlalchemy.event.listen(sqlalchemy.Engine, "commit", look)
        try:
            LocalExecutor(epoch_seconds=60).run(loop, lambda task: reports(task, Clock()))
        finally:
            sqlalchemy.event.remove(sqlalchemy.Engine, "commit", look)

    for write, content in enumerate(left):
        (tmp_path / f"{write}.db").write_bytes(content)
        search(tmp_path / f"{write}.db", budget=TRIALS)
        assert sorted_records(tmp_path / f"{write}.db") == known, f"killed before write {write} of {len(left)}"

"""Another program holds a lock on the study. The search waits for it and reports it."""

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from se_nas.errors import WriteError
from se_nas.searching.records import TrialRecord, TrialStatus
from se_nas.searching.study.busy_file import BusyFile, lock_holders
from se_nas.searching.study.study import SearchStudy
from tests.fakes import TWO_OBJECTIVES, record

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in sys.argv[2:]:
    connection.execute(statement).fetchall()
print("held", flush=True)
sys.stdin.readline()
"""
LOCKS = {
    "a reader": ["BEGIN", "SELECT count(*) FROM trials"],
    "a writer": ["BEGIN IMMEDIATE", "UPDATE studies SET study_name = study_name"],
    "an exclusive lock": ["BEGIN EXCLUSIVE"],
}


@pytest.fixture(autouse=True)
def short_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("se_nas.searching.study.study.ATTEMPT_SECONDS", 0.05)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "study.db"
    study = SearchStudy(path, TWO_OBJECTIVES, {})
    study.start(running(0))
    study.close()
    return path


@contextlib.contextmanager
def held(path: Path, lock: str) -> Iterator[Callable[[], None]]:
    """Let another process hold the lock until the yielded function is called."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), *LOCKS[lock]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    with holder:
        try:
            assert holder.stdout.readline() == "held\n"
            yield lambda: holder.communicate("\n") and None
        finally:
            holder.kill()


def running(number: int) -> TrialRecord:
    return record(number, status=TrialStatus.RUNNING, assignment={}, curve=())


CHANGES: dict[str, Callable[[SearchStudy], None]] = {
    "a start": lambda study: study.start(running(1)),
    "a report": lambda study: study.report(0, epoch=1, accuracy=0.5, costs={}),
    "an end": lambda study: study.finish(record(0, assignment={})),
}


@pytest.mark.parametrize("lock", LOCKS)
@pytest.mark.parametrize("change", CHANGES)
def test_a_write_waits_for_the_lock_of_another_program_and_reports_it_once(path: Path, lock: str, change: str) -> None:
    lines: list[str] = []
    releases: list[Callable[[], None]] = []

    def print_line(line: str) -> None:
        lines.append(line)
        releases.pop()()

    study = SearchStudy(path, TWO_OBJECTIVES, {}, file=BusyFile(path, print_line, print_after=0.0))
    with held(path, lock) as release:
        releases.append(release)
        CHANGES[change](study)
    seen = study.records()
    study.close()

    assert len(lines) == 1
    assert lines[0].startswith(f"{path}: ")
    assert "waiting up to" in lines[0]
    by_number = {one.number: one for one in seen}
    assert (len(by_number) == 2, bool(by_number[0].curve), by_number[0].accuracy is not None) == {
        "a start": (True, False, False),
        "a report": (False, True, False),
        "an end": (False, True, True),
    }[change]


def test_opening_waits_for_the_lock_of_another_program(path: Path) -> None:
    releases: list[Callable[[], None]] = []
    with held(path, "an exclusive lock") as release:
        releases.append(release)
        study = SearchStudy(path, TWO_OBJECTIVES, {}, file=BusyFile(path, lambda _: releases.pop()(), print_after=0.0))
        numbers = [one.number for one in study.records()]
        study.close()

    assert numbers == [0]
    assert releases == []


def test_reading_waits_for_the_lock_of_another_program(path: Path) -> None:
    releases: list[Callable[[], None]] = []
    study = SearchStudy(path, TWO_OBJECTIVES, {}, file=BusyFile(path, lambda _: releases.pop()(), print_after=0.0))
    with held(path, "an exclusive lock") as release:
        releases.append(release)
        numbers = [one.number for one in study.records()]
        study.close()

    assert numbers == [0]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_that_is_never_released_ends_in_one_line_with_the_cure(path: Path, lock: str) -> None:
    study = SearchStudy(path, TWO_OBJECTIVES, {}, file=BusyFile(path, lambda _: None, patience=0.0))
    with held(path, lock), pytest.raises(WriteError) as refusal:
        study.report(0, epoch=1, accuracy=0.5, costs={})
    study.report(0, epoch=1, accuracy=0.25, costs={})
    seen = study.records()
    study.close()

    assert str(refusal.value).startswith(f"{path}: ")
    assert "end that program" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert seen[0].curve == (0.25,)


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="only Linux tells who holds a lock")
def test_the_line_about_a_lock_names_the_program(path: Path) -> None:
    with held(path, "a writer"):
        holders = lock_holders(path)

    assert [name for _, name in holders] in ([Path(sys.executable).resolve().name[:15]], ["python"], ["python3"], [])


def test_an_error_other_than_a_lock_is_raised_at_once(path: Path) -> None:
    def broken() -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        BusyFile(path, lambda _: None).when_free(broken)

"""Fixtures and readers for tests of whole searches."""

import csv
import io
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from se_nas.commands.report.writing import WrittenReport
from se_nas.commands.search.search import start_search
from tests.conftest import tiny_request, write_tiny_data, write_tiny_space

TIMED = ("seconds", "images_per_second")
"""The columns of `trials.csv` that depend on the time of a training."""

SE_ALONE = """\
# Question: for tests.
name: se_alone
image_size: 8
stem: {width: 8, stride: 1}
every_stage: {depth: 1, width: 8, group_width: 8, se: {present: [false, true], reduction: [2, 4]}}
stages: [{stride: 2}, {stride: 2}]
"""
"""A space of nine placements of SE on one trunk."""


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open() as file:
        return list(csv.DictReader(file))


def outcome_of(folder: Path) -> list[tuple[str, ...]]:
    """The values in which two equal searches agree: everything that depends on no clock."""
    return [tuple(value for key, value in row.items() if key not in TIMED) for row in rows_of(folder)]


def settled_rows(folder: Path) -> list[dict[str, str]]:
    """The table without times, and without the accuracy that a stopped trial is expected to reach, which later trials
    change."""
    changing = (*TIMED, "expected_accuracy")
    return [{name: row[name] for name in row if name not in changing} for row in rows_of(folder)]


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of the search of `request_tiny`. No test may write to it. `said.txt` beside it is its output."""
    folder = tmp_path_factory.mktemp("whole")
    console = Console(file=io.StringIO(), width=120, color_system=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("se_nas.report.figures.paper.paper_figures", lambda *_: {})
        start_search(tiny_request(folder, write_tiny_space(folder), write_tiny_data(folder)), console)
    (folder / "said.txt").write_text(said_on(console))
    return folder / "run"


@pytest.fixture
def searched_whole(whole: Path, tmp_path: Path) -> Path:
    """The test's own copy of that run folder."""
    return Path(shutil.copytree(whole, tmp_path / "run"))


def said_on(console: Console) -> str:
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _without_paper_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """matplotlib takes as long as a small search; `tests/report` and `tests/launch` draw."""
    monkeypatch.setattr("se_nas.report.figures.paper.paper_figures", lambda *_: {})


def written_nothing(*_: object) -> WrittenReport:
    """No report: it takes seconds."""
    return WrittenReport(figures={}, damaged=(), not_drawn=(), page=None)


@pytest.fixture
def without_figures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page without its figures, which take half of its time, unless a test of the file asks for `with_figures`."""
    if "with_figures" not in request.fixturenames:
        monkeypatch.setattr("se_nas.commands.report.writing.figure_drawers", lambda *_, **__: {})


@pytest.fixture
def with_figures() -> None:
    """Draw the page with its figures in a file whose other tests draw none."""

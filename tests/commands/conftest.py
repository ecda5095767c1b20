"""What tests of whole searches ask of a run folder."""

import csv
from pathlib import Path

import pytest
from rich.console import Console


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open() as file:
        return list(csv.DictReader(file))


def outcome_of(folder: Path) -> list[tuple[str, ...]]:
    """What two equal searches agree in: everything but the seconds."""
    return [tuple(value for key, value in row.items() if key != "seconds") for row in rows_of(folder)]


def said_on(console: Console) -> str:
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _without_paper_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """matplotlib takes as long as a small search; `tests/report` and `tests/launch` draw."""
    monkeypatch.setattr("se_nas.report.figures.paper.paper_figures", lambda *_: {})

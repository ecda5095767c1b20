"""Fixtures and readers for tests of whole searches."""

import csv
from pathlib import Path

import pytest
from rich.console import Console

TIMED = ("seconds", "images_per_second")
"""The columns of `trials.csv` that depend on the time of a training."""


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open() as file:
        return list(csv.DictReader(file))


def outcome_of(folder: Path) -> list[tuple[str, ...]]:
    """The values in which two equal searches agree: everything that depends on no clock."""
    return [tuple(value for key, value in row.items() if key not in TIMED) for row in rows_of(folder)]


def said_on(console: Console) -> str:
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _without_paper_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """matplotlib takes as long as a small search; `tests/report` and `tests/launch` draw."""
    monkeypatch.setattr("se_nas.report.figures.paper.paper_figures", lambda *_: {})

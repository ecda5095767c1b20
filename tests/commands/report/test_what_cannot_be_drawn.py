"""A search succeeds even if a part of its report cannot be drawn. The rest is written; a line names what is missing."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
from rich.console import Console

from se_nas.analysis.overview import Overview
from se_nas.commands.report import writing
from se_nas.commands.search import search
from se_nas.commands.search.flags import SearchRequest
from se_nas.errors import WriteError
from se_nas.report import page
from se_nas.report.figures import all_figures, paper
from se_nas.runs.run_folder import RunFolder
from tests.commands.conftest import rows_of, said_on


def fail(*_: Any, **__: Any) -> NoReturn:
    raise AttributeError("partially initialized module 'pandas'\nhas no attribute 'Series'")


PARTS = {
    "figures/": (paper, "paper_figures"),
    "report.html, figure 'front'": (all_figures, "front_figure"),
    "report.html, figure 'networks'": (all_figures, "coordinates_figure"),
    "report.html": (page, "trials_table"),
}


@pytest.mark.parametrize("part", PARTS)
def test_if_one_part_cannot_be_drawn_the_others_are(
    part: str, request_tiny: SearchRequest, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, name = PARTS[part]
    monkeypatch.setattr(module, name, fail)

    search.start_search(replace(request_tiny, budget=3), console)

    folder = RunFolder(request_tiny.run)
    assert len(rows_of(folder.path)) == 3
    assert json.loads(folder.front.read_text())["members"]
    assert folder.best.is_file()
    said = said_on(console)
    reason = "AttributeError: partially initialized module 'pandas' has no attribute 'Series'"
    assert f"{part}: could not be drawn ({reason})" in said
    assert said.count("could not be drawn") == 1
    assert "retrain.py" in said
    assert folder.report.is_file() == (part != "report.html")
    assert (f"report    {folder.report}" in said) == folder.report.is_file()


def test_without_the_statistics_of_its_trials_a_search_still_succeeds(
    request_tiny: SearchRequest, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Overview, "of", fail)

    search.start_search(replace(request_tiny, budget=3), console)

    assert "report.html: could not be drawn" in said_on(console)
    assert len(rows_of(request_tiny.run)) == 3


def test_the_page_names_the_figure_that_it_lacks(
    request_tiny: SearchRequest, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(all_figures, "hypervolume_figure", fail)

    search.start_search(replace(request_tiny, budget=3), console)

    assert "&#x27;hypervolume by trial&#x27;: could not be drawn" in RunFolder(request_tiny.run).report.read_text()


def test_a_disk_that_is_full_for_the_report_is_still_a_failure(
    request_tiny: SearchRequest, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: object) -> NoReturn:
        raise WriteError(f"{path}: cannot be written (No space left on device)")

    monkeypatch.setattr(writing, "write_atomically", full)

    with pytest.raises(WriteError, match="cannot be written"):
        search.start_search(replace(request_tiny, budget=3), console)

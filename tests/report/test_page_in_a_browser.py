"""The page in a real browser, with a mouse and a keyboard."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from se_nas.report import sample
from se_nas.report.figures.layout import KNEE_COLOUR
from se_nas.searching.records import TrialStatus
from tests.report.browser import Browser
from tests.report.test_page import page_of
from tests.tracking.test_console import a_progress, a_record

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; .ci/run brings one")

FRONT = "document.querySelector('.plot')"
POINT = f"{FRONT}.querySelectorAll('.scatterlayer .trace')[1].querySelectorAll('.point')[1]"
PLOTS = "[...document.querySelectorAll('.plot')]"
CHOSEN = "[...new Set([...document.querySelectorAll('tr.chosen')].map(row => row.dataset.trial))]"
PRESSED = "[...new Set([...document.querySelectorAll('[aria-pressed=true]')].map(each => each.textContent))]"
TABLE = "document.querySelector('.every table')"
ABSENT = "document.querySelector('.absent').innerText"
FILTER = "document.querySelector('.filter input')"
CONTRASTS = """(() => {
  const paper = getComputedStyle(document.body).backgroundColor;
  const linear = part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  const luminance = colour => {
    const [red, green, blue] = colour.match(/[\\d.]+/g).slice(0, 3).map(part => linear(part / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [darker, brighter] = [0, 1];
  return [...document.querySelectorAll(".plot text")]
    .filter(text => text.textContent && getComputedStyle(text).fillOpacity > 0)
    .map(text => [luminance(getComputedStyle(text).fill), luminance(paper)].sort((one, other) => one - other))
    .map(pair => (pair[brighter] + 0.05) / (pair[darker] + 0.05));
})()"""
"""The contrast ratios of the figures' text against the page: WCAG 2.2, "contrast ratio"."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    progress = a_progress(
        *(
            replace(record, assignment={"stage1.width": 8 + 8 * (record.number % 3)})
            for record in (
                a_record(0, 0.5, 100),
                a_record(1, 0.9, 2_000),
                a_record(2, 0.2, 30_000, TrialStatus.PRUNED),
                *(
                    replace(
                        a_record(number, 0.3 + 0.01 * number, 100 * number),
                        se=("none", "inner/4") if number % 2 else ("inner/2", "none"),
                    )
                    for number in range(3, 25)
                ),
            )
        ),
    )
    facts = {"command": "python launch/search.py"}
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page_of(progress, facts=facts))
    return path


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(str(CHROMIUM), tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def browser(running: Browser, page: Path) -> Browser:
    """The page, newly opened."""
    running.complaints.clear()
    running.show(page)
    return running


def column(browser: Browser, name: str) -> list[str]:
    """The texts of a column in the table of all trials."""
    index = f"[...{TABLE}.tHead.rows[0].cells].findIndex(head => head.textContent === '{name}')"
    shown: list[str] = browser.value(
        f"[...{TABLE}.tBodies[0].rows].filter(row => !row.hidden).map(row => row.cells[{index}].textContent.trim())"
    )
    return shown


def heading(name: str) -> str:
    return f"[...{TABLE}.tHead.querySelectorAll('button')].find(button => button.textContent === '{name}')"


def row(trial: int) -> str:
    return f"document.querySelector('.every tr[data-trial=\"{trial}\"]')"


def test_the_page_loads_without_an_error_and_draws_every_point_of_the_front(browser: Browser) -> None:
    assert browser.complaints == []
    assert browser.value(f"[0, 1].map(at => {FRONT}.data[at].x.length)") == [22, 2]
    assert browser.value(f"{FRONT}.querySelectorAll('.scatterlayer .point').length") == 25  # one is the ring
    assert browser.value(f"{PLOTS}.every(plot => plot.querySelector('.main-svg') !== null)")
    assert browser.value(f"document.querySelectorAll('.figure[aria-label]').length === {PLOTS}.length")
    assert browser.value("document.documentElement.scrollWidth <= innerWidth")


def test_the_mouse_over_a_point_shows_its_network(browser: Browser) -> None:
    browser.point_at(POINT)

    shown = browser.value("[...document.querySelectorAll('.hoverlayer text')].map(text => text.textContent).join(' ')")
    assert "trial 1, accuracy 0.9000" in shown
    assert "SE by stage: · 4" in shown


def test_a_click_on_a_point_selects_its_network_everywhere(browser: Browser) -> None:
    browser.click(POINT)

    assert browser.value(CHOSEN) == browser.value(PRESSED) == ["1"]
    assert browser.value("document.querySelectorAll('tr.chosen').length") == 2  # in two tables
    assert browser.value(f"{FRONT}.data.map(trace => trace.selectedpoints || [])") == [[], [1], [0]]
    curve = browser.value(f"{PLOTS}.flatMap(plot => plot.data).find(trace => trace.meta === 'chosen').y")
    assert [accuracy for accuracy in curve if accuracy is not None] == [0.9]
    line = "flatMap(plot => plot.data).find(trace => trace.type === 'parcoords').dimensions[0].constraintrange"
    assert browser.value(f"{PLOTS}.{line}") == pytest.approx([0.6, 1.4])
    colours = "flatMap(plot => plot.data).find(trace => trace.type === 'parcoords').line.colorscale"
    assert browser.value(f"{PLOTS}.{colours}") == [[0, KNEE_COLOUR], [1, KNEE_COLOUR]]
    assert browser.complaints == []


def test_a_row_is_chosen_by_mouse_and_by_keyboard_and_chosen_again_it_is_unmarked(browser: Browser) -> None:
    browser.click(f"{row(0)}.cells[1]")
    by_mouse = browser.value(CHOSEN)
    browser.value(f"{row(3)}.querySelector('button').focus()")
    browser.press(" ")
    by_space = browser.value(CHOSEN)
    browser.press("Tab")
    browser.press("Enter")
    by_enter = browser.value(CHOSEN)
    browser.press("Enter")

    assert (by_mouse, by_space, by_enter) == (["0"], ["3"], ["4"])
    assert browser.value(CHOSEN) == browser.value(PRESSED) == []
    assert browser.complaints == []


def test_the_table_sorts_by_number_with_empty_cells_last(browser: Browser) -> None:
    browser.click(heading("accuracy"))
    rising = column(browser, "accuracy")
    browser.press("Enter")  # the heading has the focus
    falling = column(browser, "accuracy")
    browser.click(heading("trial"))

    accuracies = [float(text) for text in rising if text]
    assert accuracies == sorted(accuracies)
    assert rising[-1] == falling[-1] == ""
    assert falling[0] == "0.9000"
    assert [int(text.split()[0]) for text in column(browser, "trial")] == list(range(25))
    assert browser.value(f"{heading('trial')}.parentElement.ariaSort") == "ascending"


def test_the_filter_shows_only_matching_rows(browser: Browser) -> None:
    browser.click(FILTER)
    browser.type("PRUNED")

    assert column(browser, "state") == ["pruned"]


def test_the_sections_can_be_reached_from_the_top(browser: Browser) -> None:
    browser.click("[...document.querySelectorAll('nav a')].find(link => link.textContent === 'All trials')")

    assert browser.value("document.querySelector(location.hash).textContent") == "All trials"
    assert browser.value("scrollY") > 0
    assert browser.value("[...document.querySelectorAll('nav a')].every(link => document.querySelector(link.hash))")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_in_figures_has_enough_contrast(running: Browser, page: Path, dark: bool) -> None:
    running.show(page, dark=dark)

    contrasts: list[Any] = running.value(CONTRASTS)
    assert len(contrasts) > 50
    assert min(contrasts) >= 4.5


def test_figures_change_with_the_page_between_light_and_dark(running: Browser, page: Path) -> None:
    running.show(page)
    running.prefer(dark=True)

    assert min(running.value(CONTRASTS)) >= 4.5


def test_on_a_phone_nothing_overflows_and_a_wide_figure_is_scrolled(running: Browser, page: Path) -> None:
    running.show(page, width=390, phone=True)

    assert running.value("innerWidth") == 390
    assert running.value("document.documentElement.scrollWidth") <= 390
    assert running.value(f"{FRONT}.layout.legend.yanchor") == "top"
    scrolled = running.value(f"{PLOTS}.filter(plot => plot.offsetWidth > 390).map(plot => plot.layout.title.text)")
    assert set(scrolled) == {"Every network as a line", "Errors at equal cost: left is better"}


def test_a_line_names_a_chosen_point_without_a_row_and_a_filter_without_a_match(
    running: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "MOST_SHOWN", 3)
    records = [a_record(0, 0.9, 100), *(a_record(number, 0.5, 100 * number) for number in range(1, 10))]
    (path := tmp_path / "report.html").write_text(page_of(a_progress(*records)))
    running.complaints.clear()
    running.show(path)
    listed = running.value("[...document.querySelectorAll('.every tbody tr')].map(row => Number(row.dataset.trial))")
    left_out = next(number for number in range(1, 10) if number not in listed)

    running.value(f"choose('{left_out}')")
    said = running.value(ABSENT)
    running.value(f"choose('{listed[-1]}')")
    said_of_a_row = running.value(ABSENT)
    running.click(FILTER)
    running.type("no such network")

    assert listed == [0, 1, 4, 7]
    assert said == f"Trial {left_out} has no row here; the file trials.csv has it."
    assert said_of_a_row == ""
    assert running.value("document.querySelector('.none').innerText") == "No row contains this."
    assert running.complaints == []

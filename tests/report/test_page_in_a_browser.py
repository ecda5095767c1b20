"""The page in a real browser, headless Chromium: a script is added that uses it and writes down what it saw."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from se_nas.report.page import render_page
from se_nas.search.overview import Overview
from se_nas.search.records import TrialStatus
from tests.tracking.test_console import a_progress, a_record

HIDDEN = dict.fromkeys(range(20), (0, 4))

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --virtual-time-budget=10000 --dump-dom"
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; .ci/run brings one")

USE = """
<script>
const errors = [];
addEventListener("error", event => errors.push(event.message));
addEventListener("unhandledrejection", event => errors.push(String(event.reason)));
console.error = console.warn = (...words) => errors.push(words.join(" "));
addEventListener("load", () => drawn.then(() => setTimeout(() => {
  const table = document.querySelector(".every table");
  const column = name => [...table.tHead.rows[0].cells].findIndex(head => head.textContent === name);
  const shown = name => [...table.tBodies[0].rows].filter(row => !row.hidden)
    .map(row => row.cells[column(name)].textContent.trim());
  const press = name => table.tHead.rows[0].cells[column(name)].firstElementChild.click();
  const saw = {};
  press("accuracy"); saw.rising = shown("accuracy");
  press("accuracy"); saw.falling = shown("accuracy");
  press("trial"); saw.trials = shown("trial").map(text => parseInt(text));
  saw.sort = table.tHead.rows[0].cells[column("trial")].ariaSort;
  const input = document.querySelector(".filter input");
  input.value = "PRUNED"; input.dispatchEvent(new Event("input")); saw.filtered = shown("state");
  input.value = ""; input.dispatchEvent(new Event("input"));
  const front = document.querySelector(".plot");
  front.emit("plotly_click", {points: [{customdata: 1}]});
  saw.chosen = [...document.querySelectorAll("tr.chosen")].map(row => row.dataset.trial);
  saw.marked = front.data.map(trace => trace.selectedpoints && [...trace.selectedpoints]);
  const plots = [...document.querySelectorAll(".plot")];
  saw.curve = plots.flatMap(plot => plot.data).find(trace => trace.meta === "chosen").y;
  document.querySelector('.every tr[data-trial="0"]').click();
  saw.then = [...new Set([...document.querySelectorAll("tr.chosen")].map(row => row.dataset.trial))];
  const row = document.querySelector('.every tr[data-trial="3"]');
  row.focus(); row.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter"}));
  saw.byKey = [...new Set([...document.querySelectorAll("tr.chosen")].map(row => row.dataset.trial))];
  row.click();
  saw.none = document.querySelectorAll("tr.chosen").length;
  saw.focused = document.activeElement === row;
  saw.points = front.data.map(trace => trace.x.length);
  saw.drawn = document.querySelectorAll(".plot .main-svg").length > 0;
  saw.hover = front.data[1].text[0];
  saw.legend = front.layout.legend.yanchor;
  saw.named = document.querySelectorAll(".figure[aria-label]").length === plots.length;
  saw.wide = document.documentElement.scrollWidth > innerWidth;
  saw.errors = errors;
  saw.width = innerWidth;
  parent.postMessage(JSON.stringify(saw), "*");
}, 500)));
</script></head>"""


FRAME = """<!doctype html><pre id="saw"></pre><script>
addEventListener("message", event => { document.getElementById("saw").textContent = event.data; });
</script><iframe src="report.html" style="border: 0; width: WIDTHpx; height: 900px"></iframe>"""
"""A window of Chromium is never narrower than 500 pixels; a frame is."""


def use(folder: Path, *, width: int) -> dict[str, Any]:
    """What a browser of this width saw."""
    progress = a_progress(
        a_record(0, 0.5, 100),
        a_record(1, 0.9, 2_000),
        a_record(2, 0.2, 30_000, TrialStatus.PRUNED),
        *(a_record(number, 0.3 + 0.01 * number, 100 * number) for number in range(3, 15)),
    )
    facts = {"command": "python launch/search.py"}
    page = render_page(progress, Overview.of(progress), title="t", facts=facts, hidden_widths=HIDDEN)
    (folder / "report.html").write_text(page.replace("</head>", USE, 1))
    path = folder / "frame.html"
    path.write_text(FRAME.replace("WIDTH", str(width)))
    call = [str(CHROMIUM), *FLAGS.split(), f"--user-data-dir={folder / 'profile'}", "--window-size=1280,900"]
    done = subprocess.run([*call, path.as_uri()], capture_output=True, text=True, timeout=120)
    found = re.search(r'<pre id="saw">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    return dict(json.loads(unescape(found.group(1))))


@pytest.fixture(scope="module")
def saw(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return use(tmp_path_factory.mktemp("desktop"), width=1100)


def test_it_loads_without_an_error_and_draws_the_front(saw: dict[str, Any]) -> None:
    assert saw["errors"] == []
    assert saw["drawn"]
    assert sum(saw["points"][:2]) == 14
    assert "SE by stage" in saw["hover"]
    assert saw["named"]
    assert (saw["legend"], saw["wide"]) == ("bottom", False)


def test_tables_sort_by_number_with_the_empty_last_and_filter(saw: dict[str, Any]) -> None:
    accuracies = [float(text) for text in saw["rising"] if text]
    assert accuracies == sorted(accuracies)
    assert saw["rising"][-1] == saw["falling"][-1] == ""
    assert saw["falling"][0] == "0.9000"
    assert (saw["trials"], saw["sort"]) == (list(range(15)), "ascending")
    assert saw["filtered"] == ["pruned"]


def test_a_point_or_row_that_is_chosen_is_marked_everywhere(saw: dict[str, Any]) -> None:
    assert set(saw["chosen"]) == {"1"}
    assert len(saw["chosen"]) == 2
    assert [points for points in saw["marked"] if points] == [[1], [0]]
    assert [accuracy for accuracy in saw["curve"] if accuracy is not None][-1] == 0.9  # its learning curve
    assert saw["then"] == ["0"]
    assert (saw["focused"], saw["byKey"], saw["none"]) == (True, ["3"], 0)


def test_on_a_phone_nothing_sticks_out(tmp_path: Path) -> None:
    saw = use(tmp_path, width=390)
    assert (saw["width"], saw["legend"], saw["wide"]) == (390, "top", False)

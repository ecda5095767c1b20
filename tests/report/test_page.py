import re
from dataclasses import replace
from typing import Any

import plotly.graph_objects as go

from se_nas.analysis.overview import Overview
from se_nas.analysis.tested_accuracy import Retrained
from se_nas.report.figures.all_figures import search_figures
from se_nas.report.page import render_page
from se_nas.searching.progress import SearchProgress
from se_nas.searching.records import TrialStatus
from tests.tracking.test_console import DECISIONS, a_progress, a_record

HIDDEN = dict.fromkeys(range(30), (0, 4))


def page_of(progress: SearchProgress, *, title: str = "t", **more: Any) -> str:
    overview = Overview.of(progress, DECISIONS)
    figures = search_figures(progress, overview, title=title, decisions=DECISIONS, hidden_widths=HIDDEN)
    return render_page(progress, overview, figures, title=title, **{"facts": {}, **more})


def test_the_page_is_self_contained_and_under_six_megabytes() -> None:
    page = page_of(a_progress(a_record(0, 0.5, 100)))

    assert len(page.encode()) < 6_000_000
    assert not re.search(r'<(script|link|img)[^>]+(src|href)="?(https?:)?//', page)


def test_the_page_begins_with_the_answer_and_its_figures() -> None:
    progress = a_progress(a_record(0, 0.5, 100), a_record(1, 0.9, 200), a_record(2, 0.2, 300, TrialStatus.PRUNED))

    page = page_of(progress)

    assert "Of 3 networks tried (2 trained in full, 1 stopped early, 0 failed), 2 are on the Pareto front" in page


def test_a_figure_that_the_page_does_not_know_is_shown_after_the_others() -> None:
    progress = a_progress(a_record(0, 0.5, 100))
    overview = Overview.of(progress, DECISIONS)
    figures = search_figures(progress, overview, title="t", decisions=DECISIONS, hidden_widths=HIDDEN)
    new = go.Figure(layout={"title": "seconds by trial"})

    page = render_page(progress, overview, {**figures, "seconds": new}, title="t", facts={})

    assert page.index('<h2 id="more-figures">') < page.index("seconds by trial") < page.index('<h2 id="all-trials">')
    assert "More figures" not in page_of(progress)


def test_text_from_outside_is_escaped() -> None:
    evil = "<img src=x onerror=alert(1)>"
    failed = replace(a_record(0, 0.5, 100, TrialStatus.FAILED), reason=evil)
    complete = replace(a_record(1, 0.5, 100), assignment={"stage1.site": evil})

    page = page_of(a_progress(failed, complete), title=evil, facts={evil: evil})

    assert evil not in page


def test_retrained_networks_are_listed_with_their_intervals_and_escaped_names() -> None:
    one = Retrained(
        network="<i>trial 0</i>",
        trial=0,
        recipe="long, 60 epochs",
        se=("none", "inner/4"),
        cost={"flops": 100},
        search_accuracy=0.5,
        validation_accuracy=0.6,
        counts=((90, 100),),
    )

    page = page_of(a_progress(a_record(0, 0.5, 100)), retrained=[one])

    assert "0.8256 to 0.9448" in page  # Wilson's interval of 90 in 100
    assert "<i>trial" not in page
    assert "Networks on fresh seeds: too few to compare" in page
    assert "Networks retrained, on test images: too few to compare" in page


def test_every_section_names_its_data() -> None:
    page = page_of(a_progress(a_record(0, 0.5, 100)))

    linked = set(re.findall(r'href="([^"]+)"', "".join(re.findall(r'<p class="data">(.*?)</p>', page))))
    assert linked == {
        "front.json",
        "trials.csv",
        "study.db",
        *(f"figures/{name}.{kind}" for name in ("front", "placement") for kind in ("svg", "png")),
    }


def test_a_search_without_a_complete_trial_says_so() -> None:
    page = page_of(a_progress(a_record(0, 0.5, 100, TrialStatus.FAILED)))

    assert "No network was trained in full yet" in page
    assert 'class="figure"' not in page
    assert "The front" not in page

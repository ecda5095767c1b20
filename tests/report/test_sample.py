"""A search of thousands of trials has a page that stays usable, and names what it leaves out."""

from dataclasses import replace
from itertools import pairwise

import pytest

from se_nas.analysis.edf import Split, Subspace
from se_nas.analysis.overview import Overview
from se_nas.report.figures.insights import learning_curves_figure
from se_nas.report.figures.search import front_figure
from se_nas.report.figures.subspaces import MOST_POINTS, splits_figure
from se_nas.report.page import render_page
from se_nas.report.sample import MOST_SHOWN, left_out_sentence, shown_trials
from se_nas.searching.progress import SearchProgress
from se_nas.searching.records import TrialStatus
from tests.tracking.test_console import a_progress, a_record

MANY = 4_000


@pytest.fixture(scope="module")
def many() -> SearchProgress:
    """A search with a front of two networks and thousands of dominated networks."""
    others = [
        replace(a_record(number, 0.5 + number / 100_000, 1_000 + number % 97), curve=(0.1, 0.5 + number / 100_000))
        for number in range(MANY - 2)
    ]
    return a_progress(a_record(MANY, 0.9, 100), *others, a_record(MANY + 1, 0.99, 200))


def test_the_front_is_always_shown_and_a_sample_of_the_others_is_spread_evenly(many: SearchProgress) -> None:
    numbers = [record.number for record in shown_trials(many)]

    assert {MANY, MANY + 1} <= set(numbers)
    assert len(numbers) == len(set(numbers)) == MOST_SHOWN + 2
    others = sorted(set(numbers) - {MANY, MANY + 1})
    assert {later - sooner for sooner, later in pairwise(others)} <= {3, 4}


def test_trials_that_the_page_names_are_always_shown(many: SearchProgress) -> None:
    """Also a trial that is not in the even sample."""
    left_out = min({record.number for record in many.records} - {record.number for record in shown_trials(many)})

    assert left_out in {record.number for record in shown_trials(many, {left_out, MANY})}


@pytest.mark.parametrize("failed", [1, 60, MOST_SHOWN, 1_500], ids="{} failed".format)
def test_failed_trials_are_shown_beside_the_others(failed: int) -> None:
    good = [a_record(number, 0.5, 1_000 + number) for number in range(2_000)]
    bad = [a_record(number, 0.5, 100, TrialStatus.FAILED) for number in range(2_000, 2_000 + failed)]
    progress = a_progress(*good, *bad)

    shown = shown_trials(progress)

    assert sum(record.status is TrialStatus.FAILED for record in shown) == min(failed, MOST_SHOWN)
    assert sum(record.status is not TrialStatus.FAILED for record in shown) == MOST_SHOWN + 1
    losses = f"all {failed:,} failed trials" if failed <= MOST_SHOWN else "1,000 of 1,500 failed trials"
    assert losses in left_out_sentence(progress, shown)


@pytest.mark.parametrize("trials", [1, 7, MOST_SHOWN])
def test_every_trial_of_a_usual_search_is_shown(trials: int) -> None:
    progress = a_progress(*(a_record(number, 0.5, 100 + number) for number in range(trials)))

    assert shown_trials(progress) == progress.records
    assert not left_out_sentence(progress, progress.records)


def test_the_page_of_a_large_search_says_how_many_it_shows_and_stays_small(many: SearchProgress) -> None:
    figures = {"front": front_figure(many, title="t"), "learning curves": learning_curves_figure(many)}
    overview = Overview(effects=(), stage_gains=(), splits=(), importances=None, early_epochs=())

    page = render_page(many, overview, figures, title="t", facts={})

    assert "The rows show 1,002 of 4,000 trials: the front, the other trials that this page names, and others" in page
    assert "2,998 trials have no row here; the file trials.csv has all 4,000." in page
    assert page.count("<tr data-trial=") == MOST_SHOWN + 2 + 2  # the front has a table of its own
    assert "Learning curves of 1,002 of 4,000 trials" in page
    assert len(page) < 4e6


def test_every_fully_trained_network_of_a_large_search_is_a_point(many: SearchProgress) -> None:
    figure = front_figure(many, title="t")

    assert len(figure.data[0].x) == MANY - 2
    assert figure.data[0].text is None
    assert len(figure.data[1].text) == 2


def test_a_long_line_keeps_its_ends_and_its_shape_and_the_figure_says_so() -> None:
    errors = tuple(index / 10_000 for index in range(5_000))
    split = Split(
        question="SE?",
        subspaces=(Subspace(label="yes", errors=errors), Subspace(label="no", errors=errors[:20])),
        probability=0.5,
    )

    figure = splits_figure([split])

    long, short = figure.data
    assert (len(long.x), len(short.x)) == (MOST_POINTS, 20)
    assert (long.x[0], long.x[-1], long.y[-1]) == (0, pytest.approx(100 * errors[-1]), 1)
    assert all(share == pytest.approx((x * 100 + 1) / 5_000, abs=1e-4) for x, share in zip(long.x, long.y, strict=True))
    assert "lines through 500 of up to 5,000 errors" in figure.layout.title.text

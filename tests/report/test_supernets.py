import re
from dataclasses import replace

import pytest

from se_nas.analysis.chosen_by_gates import ChosenByGates, GateChoice
from se_nas.analysis.supernet_account import SupernetAccount
from se_nas.objective_metric import ObjectiveMetric
from se_nas.report.figures.supernet import supernet_figures
from se_nas.report.supernet_texts import effects_sentences, prior_sentence, supernet_sentences, trust_sentence
from se_nas.report.supernets import shared_weights_section
from tests.analysis.made_supernet import made_account, made_scores
from tests.report.test_page import page_of
from tests.tracking.test_console import a_progress, a_record

SCORES = made_scores()
RIGHT = {each.fingerprint: each.accuracy - 0.1 for each in SCORES.placements}
"""Accuracies in exactly the order of the supernet."""
OTHERS = {each.fingerprint: (7 * index % 16) / 16 for index, each in enumerate(SCORES.placements)}
"""Accuracies in another order."""


def html_of(*accounts: SupernetAccount, gates: ChosenByGates | None = None) -> str:
    return "".join(shared_weights_section(accounts, gates))


def test_the_page_has_a_section_with_each_placement_beside_its_training_alone() -> None:
    account = made_account(SCORES, OTHERS)

    page = page_of(a_progress(a_record(0, 0.5, 100)), supernets=[account])

    section = page[page.index('<h2 id="what-do-shared-weights-say">') : page.index('<h2 id="what-do-all-trials-say">')]
    rows = re.findall(r"<tr data-trial=(\d+)>(.*?)</tr>", section)
    assert len(rows) == 16
    best = re.sub("<[^>]+>", " ", rows[0][1]).split()
    assert best[:4] == ["1", "0.5188", "7", "0.5625"]
    assert '<a href="supernet.json">' in section
    for ranking in ("the supernet", "number of SE modules", "parameters of SE", "all placements equal"):
        assert f"<td>{ranking}</td>" in section


def test_a_page_without_shared_weights_has_no_section_on_them() -> None:
    assert "shared weights" not in page_of(a_progress(a_record(0, 0.5, 100)))


def test_a_prior_that_the_trials_confirm_is_used_and_the_page_says_why() -> None:
    account = made_account(SCORES, RIGHT)

    assert trust_sentence(account).startswith(
        "The ranking can be trusted, compared with 16 networks trained alone (trials): its Kendall's tau is +1.00"
    )
    assert "the whole interval is above 0.71, which ranking by number of SE modules reaches" in trust_sentence(account)
    assert prior_sentence(account) == "So the search uses these scores as the prior of its model of accuracy."


def test_a_prior_that_the_trials_do_not_confirm_is_dropped_and_the_page_says_why() -> None:
    account = made_account(SCORES, OTHERS)

    assert trust_sentence(account).startswith("The ranking cannot be trusted, compared with 16 networks")
    assert "the interval is not wholly above" in trust_sentence(account)
    assert prior_sentence(account).startswith("So the prior is dropped. The model of the search ignores these scores")


def test_with_few_networks_trained_alone_nothing_is_claimed() -> None:
    few = dict(list(RIGHT.items())[:5])

    account = made_account(SCORES, few)

    assert "unknown: 5 of these placements were trained alone, and a comparison needs 6" in trust_sentence(account)
    assert "does not use these scores as a prior yet: 5 complete trials cannot show" in prior_sentence(account)
    assert "Kendall" not in html_of(account)


def test_an_ablation_may_confirm_a_ranking_that_the_trials_alone_do_not_confirm() -> None:
    account = made_account(SCORES, RIGHT, trials=dict(list(OTHERS.items())[:8]))

    assert "(ablate-0003.json, 3 seeds each)" in trust_sentence(account)
    assert prior_sentence(account).startswith(
        "By its 8 complete trials the prior is dropped, because its Kendall's tau is"
    )
    assert not account.is_prior_used


def test_a_supernet_that_is_no_prior_of_the_search_says_so() -> None:
    account = made_account(SCORES, RIGHT, is_start=False, is_prior=False, file="supernet-0003.json")

    assert prior_sentence(account) == "The search did not use these scores."
    assert "One network on the trunk of trial 3 with a switch in each of 4 places" in " ".join(
        supernet_sentences(account)
    )


def test_scores_that_only_chose_the_first_trials_of_a_short_search_are_not_called_a_prior() -> None:
    account = made_account(SCORES, RIGHT, is_prior=False)

    assert prior_sentence(account).startswith("These scores chose some of the first trials. They are no prior")
    assert not account.is_prior_used


def test_effects_are_those_of_the_supernet_with_unknown_places_named() -> None:
    html = html_of(made_account(SCORES, {}))
    partly = made_account(made_scores(read=2), {})

    assert re.search(r"<td>stage1</td><td>4 instead of no SE</td><td class=\"number\">\+1\.00</td>", html)
    assert re.search(r"<td>stage2</td><td>4 instead of no SE</td><td class=\"number\">\+0\.50</td>", html)
    assert "do not distinguish what SE adds in stage1, stage2, stage3." in effects_sentences(partly)
    assert "macro F1 in the supernet" in effects_sentences(replace(partly, metric=ObjectiveMetric.F1))


@pytest.mark.parametrize("read", [0, 1])
def test_a_supernet_with_few_read_placements_has_a_section_too(read: int) -> None:
    html = html_of(made_account(made_scores(read=read), {}))

    assert f"Of 16 placements of SE, {read} {'was' if read == 1 else 'were'} read from it" in html


def test_many_placements_are_shortened_and_the_page_says_so() -> None:
    html = html_of(made_account(made_scores(8), {}))

    assert "25 of 256 placements: the best in the supernet" in html
    assert html.count('<span class="se">') == 25


def test_a_figure_without_data_is_left_out() -> None:
    assert list(supernet_figures(made_account(SCORES, RIGHT))) == [
        "supernet and training alone",
        "supernet effects of SE",
    ]
    assert list(supernet_figures(made_account(SCORES, {}))) == ["supernet effects of SE"]
    assert supernet_figures(made_account(made_scores(read=1), {})) == {}


def test_the_choices_of_gates_stand_beside_their_trials() -> None:
    choices = (
        GateChoice(price=0.0, se=("inner/4", "none"), certainty=0.98, trial=0, accuracy=0.5),
        GateChoice(price=0.3, se=("none", "none"), certainty=0.51, trial=None, accuracy=None),
    )
    gates = ChosenByGates(file="differentiable.json", cost="params", choices=choices)

    html = html_of(gates=gates)

    assert (
        "At 2 prices of SE (params), the gates chose 2 placements. The search trained 1 of them alone in full." in html
    )
    assert re.search(r'<tr data-trial=0><td class="number">0</td><td class="number">0.98</td>', html)
    assert re.search(r'<tr><td class="number">0.3</td><td class="number">0.51</td>', html)


def test_names_of_places_are_escaped() -> None:
    evil = "<img src=x>"
    account = made_account(replace(SCORES, switches=(evil, "b", "c", "d")), {})

    assert evil not in html_of(account).replace("\\u003c", "<script-safe ")

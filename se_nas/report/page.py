"""Renders report.html: one self-contained page. It needs no network and no template engine; every text is escaped."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from html import escape

import plotly.graph_objects as go

from se_nas.analysis.ablation import Ablation
from se_nas.analysis.chosen_by_gates import ChosenByGates
from se_nas.analysis.confirmation import ConfirmedFront
from se_nas.analysis.largest_class import Held, LargestClass
from se_nas.analysis.latency_check import LatencyCheck
from se_nas.analysis.lost_trials import loss_sentences
from se_nas.analysis.overview import Overview
from se_nas.analysis.rank_correlation import Agreement, agreement
from se_nas.analysis.supernet_account import SupernetAccount
from se_nas.analysis.tested_accuracy import Retrained
from se_nas.data.inventory import Inventory
from se_nas.objective_metric import ACCURACY, ObjectiveMetric
from se_nas.report.ablation_texts import ablation_sentences, design_sentence
from se_nas.report.behaviour import SCRIPT
from se_nas.report.drawing import DRAW, figure_html, plotly_html
from se_nas.report.figures.certainty import ablation_figure, confirmed_figure, placements_figure
from se_nas.report.images import images_section
from se_nas.report.latencies import latency_section
from se_nas.report.sample import left_out_sentence, shown_trials
from se_nas.report.sentences import (
    agreement_sentences,
    answer,
    effect_sentences,
    importance_sentence,
    left_out_sentences,
    split_sentences,
    stage_gain_sentences,
)
from se_nas.report.style import STYLE
from se_nas.report.supernets import shared_weights_section
from se_nas.report.tables import (
    ablation_table,
    confirmed_table,
    facts_table,
    interactions_table,
    placements_table,
    retrained_table,
    trials_table,
)
from se_nas.searching.progress import SearchProgress
from se_nas.wording import counted

OF_FRONT = ("front", "hypervolume by trial", "SE placement")
OF_EFFECTS = ("gains of SE", "effects of SE", "other effects")
OF_SUBSPACES = ("sub-spaces",)
OF_DECISIONS = ("importances", "networks")
OF_EPOCHS = ("learning curves", "early epochs")
PLACED = {*OF_FRONT, *OF_EFFECTS, *OF_SUBSPACES, *OF_DECISIONS, *OF_EPOCHS}
"""The names of the figures that have a place among the sentences. All others are in a section of their own."""


def render_page(
    progress: SearchProgress,
    overview: Overview,
    figures: Mapping[str, go.Figure],
    *,
    title: str,
    facts: Mapping[str, str],
    confirmation: ConfirmedFront | None = None,
    ablations: Sequence[Ablation] = (),
    retrained: Sequence[Retrained] = (),
    images: Inventory | None = None,
    latencies: LatencyCheck | None = None,
    supernets: Sequence[SupernetAccount] = (),
    gates: ChosenByGates | None = None,
) -> str:
    """The page as text, with the `figures` of the search (`all_figures`), and `facts` for its reproduction."""
    drawn = {name: figure_html(figure) for name, figure in figures.items()}
    sections = {}
    if progress.front.members:
        sections["The front"] = _front(progress, drawn)
    if latencies:
        sections["Is the latency right?"] = latency_section(latencies)
    if confirmation:
        sections["How sure is it?"] = _confirmation(confirmation)
    if ablations:
        sections["What is SE worth?"] = _ablations(ablations)
    if supernets or gates:
        sections["What do shared weights say?"] = shared_weights_section(supernets, gates)
    if retrained:
        sections["Retrained"] = _retrained(retrained, images)
    if progress.front.members:
        sections["What do all trials say?"] = _whole_search(overview, drawn, progress.objectives.metric)
        sections["Can short trials be trusted here?"] = _trust(
            drawn, confirmation, retrained, progress.objectives.metric
        )
    if more := [name for name in drawn if name not in PLACED]:
        sections["More figures"] = iter([*_figures(drawn, *more), _data("trials.csv")])
    if images:
        sections["The images"] = images_section(images)
    sections["All trials"] = _all_trials(progress, _named(confirmation, ablations, retrained, supernets, gates))
    sections["How to reproduce"] = iter([facts_table(facts)])
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="icon" href="data:,">',
            f"<title>se-nas: {escape(title)}</title><style>{STYLE}</style></head><body>",
            f"<h1>Where SE pays: {escape(title)}</h1>",
            *(f'<p class="lead">{escape(sentence)}</p>' for sentence in answer(progress, confirmation)),
            *_paragraphs(_of_largest_class(images, "validation", progress.objectives.metric)),
            *_paragraphs(loss_sentences(progress.records)),
            _data("front.json", "trials.csv", *(["confirm.json"] if confirmation else [])),
            _contents(sections),
            *(part for heading, body in sections.items() for part in (_heading(heading), *body)),
            plotly_html(),
            f"<script>{DRAW}{SCRIPT}</script></body></html>",
            "",
        ]
    )


def _front(progress: SearchProgress, drawn: Mapping[str, str]) -> Iterator[str]:
    yield from _figures(drawn, *OF_FRONT)
    yield _data("figures/front.svg", "figures/front.png", "figures/placement.svg", "figures/placement.png")
    yield trials_table(progress, progress.front.members)


def _confirmation(confirmation: ConfirmedFront) -> Iterator[str]:
    """The section on the certainty of the front."""
    name = confirmation.metric.label
    yield (
        "<p>The networks of the front, and the networks near it, were trained again for "
        f"{counted(confirmation.epochs, 'epoch')} on seeds that the search had not used. The {name} is on the "
        f"validation images. The highest of several means is often too high by chance. So the expected {name} lies "
        "between the mean of the seeds and what the costs and the search predict, nearer to the mean the more "
        "informative the seeds are. The intervals (95 %) are of the mean over all possible seeds. The probability is "
        f"that no other of these networks has a higher {name} at no more cost. ● marks the front of the "
        f"expected {name}.</p>"
    )
    yield figure_html(confirmed_figure(confirmation))
    yield confirmed_table(confirmation)
    yield from _paragraphs(left_out_sentences(confirmation))
    yield _data("confirm.json")


def _ablations(ablations: Sequence[Ablation]) -> Iterator[str]:
    """The section on the worth of SE in the ablated networks."""
    yield (
        "<p>The same trunk was trained with SE in other places, on the same seeds; the common effect of a seed on all "
        f"networks is removed. The {ablations[0].metric.label} is on the validation images. All intervals of one list "
        "hold together with 95 %: those of the gains of single places, of interactions, of placements, and of "
        "comparisons with a reference placement (SE nowhere, as found, or everywhere). Everywhere is as in the "
        "published networks that are named with it. A measured cost has an interval, and is a median over one image at "
        "a time. A gain per measured cost has the uncertainty of both. It is left out if SE does not significantly add "
        "to the cost.</p>"
    )
    for ablation in ablations:
        yield from _ablation(ablation)


def _ablation(ablation: Ablation) -> Iterator[str]:
    """The part on one ablated network. Those of earlier versions have no experiment."""
    experiment = ablation.experiment
    if experiment is None:
        yield (
            "<p>An ablation of an earlier version: SE was switched in one place, with all others as found. The gain is "
            "the mean difference between a network with SE there and a network without it, or with it elsewhere.</p>"
        )
    else:
        yield (
            f"<p>{escape(design_sentence(experiment))} The gain of SE in a place is a main effect: the difference that "
            "it makes, averaged over the other places with and without SE.</p>"
        )
    yield figure_html(ablation_figure(ablation))
    yield ablation_table(ablation)
    yield from _paragraphs(ablation_sentences(ablation))
    if experiment is not None:
        if experiment.interactions:
            yield interactions_table(experiment)
        yield figure_html(placements_figure(ablation))
        yield (
            f"<p>The {ablation.metric.label} of a placement is predicted from all trainings, as a mean over these "
            "seeds. Placements that were not trained are predicted too. The probability is that no other placement is "
            "better.</p>"
        )
        yield placements_table(ablation)
    yield _data(f"ablate-{ablation.trial:04d}.json")


def _retrained(retrained: Sequence[Retrained], images: Inventory | None) -> Iterator[str]:
    """The section on the retrained networks."""
    others = {one.metric.label: None for one in retrained if one.test_score is not None}
    beside = f" Percentages without another name are accuracies; {', '.join(others)} stands beside them."
    yield (
        "<p>These networks were trained with a recipe of their own, and then tested once on the test images. The "
        "intervals (95 %) are for images of the same kind (Wilson), and with several seeds for the seeds too. A "
        "baseline by a trial is the nearest to it in FLOPs of 1,000 trunks drawn from this space, without SE or with "
        "its published SE everywhere. It also differs from the trial in its trunk, which was not searched for."
        f"{escape(beside) if others else ''}</p>"
    )
    yield from _paragraphs(_of_largest_class(images, "test"))
    yield retrained_table(retrained)
    yield _data("retrain")


def _whole_search(overview: Overview, drawn: Mapping[str, str], metric: ObjectiveMetric) -> Iterator[str]:
    """The section on the effects of decisions over all trials, without further training."""
    if overview.effects:
        yield (
            "<p>Networks with each value are compared with the average network of equal cost. Stopped networks count "
            f"with the {metric.label} that they were expected to reach. The search chose what it tried, so this shows "
            f"correlation with {metric.label}, not its cause. The intervals (95 %) are bootstraps over the "
            "networks.</p>"
        )
        yield from _paragraphs([*effect_sentences(overview.effects_of_se), *stage_gain_sentences(overview.stage_gains)])
    else:
        yield "<p>Too few networks to compare at equal cost.</p>"
    yield from _figures(drawn, *OF_EFFECTS)
    yield from _paragraphs(split_sentences(overview.splits))
    yield from _figures(drawn, *OF_SUBSPACES)
    if overview.importances is not None:
        yield from _paragraphs([importance_sentence(overview.importances, metric)])
    yield from _figures(drawn, *OF_DECISIONS)
    yield _data("trials.csv")


def _trust(
    drawn: Mapping[str, str],
    confirmation: ConfirmedFront | None,
    retrained: Sequence[Retrained],
    metric: ObjectiveMetric,
) -> Iterator[str]:
    """How early epochs, and short trainings, order networks against later ones."""
    yield from _figures(drawn, *OF_EPOCHS)
    if "early epochs" in drawn:
        yield (
            "<p>The correlation is over networks that were trained to the end. They were chosen by their early "
            f"{metric.label}, so the correlation over all networks is likely higher.</p>"
        )
    yield from _paragraphs(
        agreement_sentences(confirmation, _on_fresh_seeds(confirmation), _in_long_trainings(retrained), metric)
    )
    yield _data("study.db", *(["confirm.json"] if confirmation else []), *(["retrain"] if retrained else []))


def _all_trials(progress: SearchProgress, named: Collection[int]) -> Iterator[str]:
    shown = shown_trials(progress, named)
    if left_out := left_out_sentence(progress, shown):
        yield f"<p>{left_out}</p>"
    yield _data("trials.csv", "study.db")
    yield trials_table(progress, shown, every=True)
    if left_out:
        yield '<p class="absent" role="status" hidden></p>'


def _named(
    confirmation: ConfirmedFront | None,
    ablations: Sequence[Ablation],
    retrained: Sequence[Retrained],
    supernets: Sequence[SupernetAccount],
    gates: ChosenByGates | None,
) -> set[int]:
    """The trials beside the front that the page names."""
    return {
        *(one.record.number for one in (confirmation.networks if confirmation else ())),
        *(ablation.trial for ablation in ablations),
        *(one.trial for one in retrained if one.search_accuracy is not None),
        *(number for account in supernets for number in account.trials_shown),
        *(choice.trial for choice in (gates.choices if gates else ()) if choice.trial is not None),
    }


def _on_fresh_seeds(confirmation: ConfirmedFront | None) -> Agreement | None:
    if confirmation is None:
        return None
    networks = confirmation.networks
    return agreement(
        {one.record.number: one.record.curve[-1] for one in networks},
        {one.record.number: one.verdict.mean for one in networks},
    )


def _in_long_trainings(retrained: Sequence[Retrained]) -> Agreement | None:
    """The agreement over the networks of the most frequent recipe."""
    by_recipe: dict[str, dict[int, tuple[float, float]]] = {}
    for one in retrained:
        if one.search_accuracy is not None:
            by_recipe.setdefault(one.recipe, {})[one.trial] = (one.search_accuracy, one.tested.mean)
    most = max(by_recipe.values(), key=len, default={})
    return agreement({trial: pair[0] for trial, pair in most.items()}, {trial: pair[1] for trial, pair in most.items()})


def _of_largest_class(images: Inventory | None, part: Held, metric: ObjectiveMetric = ACCURACY) -> Iterator[str]:
    """A sentence about the largest class of a part of the images; none for a folder of an earlier version."""
    if images is not None:
        yield LargestClass.of(images, part).sentence(metric)


def _contents(headings: Iterable[str]) -> str:
    """Links to the sections."""
    links = "\n".join(f'<a href="#{_anchor(heading)}">{escape(heading)}</a>' for heading in headings)
    return f'<nav aria-label="Sections">{links}</nav>'


def _heading(text: str) -> str:
    return f'<h2 id="{_anchor(text)}">{escape(text)}</h2>'


def _anchor(heading: str) -> str:
    return heading.lower().replace(" ", "-").removesuffix("?")


def _figures(drawn: Mapping[str, str], *names: str) -> Iterator[str]:
    """The figures of these names that exist."""
    return (drawn[name] for name in names if name in drawn)


def _paragraphs(sentences: Iterable[str]) -> Iterator[str]:
    return (f"<p>{escape(sentence)}</p>" for sentence in sentences)


def _data(*files: str) -> str:
    """Links to the files beside the page that have the data."""
    links = ", ".join(f'<a href="{escape(file)}">{escape(file)}</a>' for file in files)
    return f'<p class="data">Data: {links}</p>'

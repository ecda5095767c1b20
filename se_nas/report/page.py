"""report.html: one self-contained page. No network, no template engine; every text is escaped."""

from collections.abc import Collection, Mapping, Sequence
from html import escape

import plotly.io

from se_nas.report.behaviour import SCRIPT
from se_nas.report.certainty import ablation_figure, confirmed_figure
from se_nas.report.figures import front_figure, placement_figure
from se_nas.report.insights import effects_figure, foretelling_figure, hypervolume_figure, learning_curves_figure
from se_nas.search.confirmation import ConfirmedFront
from se_nas.search.effects import Marginal, foretelling, marginals
from se_nas.search.paired import Ablation
from se_nas.search.progress import SearchProgress
from se_nas.search.records import TrialRecord, TrialStatus
from se_nas.wording import format_cost, se_glyphs

STYLE = """
:root { color-scheme: light dark; --ink: #212529; --paper: #fff; --line: #dee2e6; --soft: #f1f3f5;
  --accent: #d9480f; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e9ecef; --paper: #16181b; --line: #373b40; --soft: #212529; --accent: #ff922b; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  margin: 0 auto; max-width: 1080px; padding: 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.lead { font-size: 1.1rem; }
.figure { border: 1px solid var(--line); border-radius: 6px; overflow: hidden; }
.scroll { overflow-x: auto; max-height: 30rem; border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: collapse; font-size: .875rem; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }
th { position: sticky; top: 0; background: var(--soft); } td.number, th.number { text-align: right; }
td:last-child { white-space: normal; min-width: 8rem; overflow-wrap: anywhere; }
.figure, .scroll { margin-bottom: 1rem; }
th button { all: unset; cursor: pointer; } th button:focus-visible { outline: 2px solid var(--accent); }
th[aria-sort=ascending] button::after { content: " \\2191"; }
th[aria-sort=descending] button::after { content: " \\2193"; }
tr.chosen td { background: color-mix(in srgb, var(--accent) 22%, transparent); } tr[data-trial] { cursor: pointer; }
.filter { display: block; margin-bottom: .5rem; } .filter input { font: inherit; padding: .2rem .4rem; width: 16rem; }
tr.knee td { font-weight: 600; } .se { font-family: ui-monospace, monospace; } .mark { color: var(--accent); }
"""


def render_page(
    progress: SearchProgress,
    *,
    title: str,
    facts: Mapping[str, str],
    confirmation: ConfirmedFront | None = None,
    ablations: Sequence[Ablation] = (),
) -> str:
    """The page as text. `facts` say how to reproduce the search, by name."""
    figures = [front_figure(progress, title=f"Pareto front of {title}")]
    if progress.front.members:
        figures += [hypervolume_figure(progress), placement_figure(progress)]
    divs = [_figure_html(figure, first=index == 0) for index, figure in enumerate(figures)]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="icon" href="data:,">',
            f"<title>se-nas: {escape(title)}</title><style>{STYLE}</style></head><body>",
            f"<h1>Where SE pays: {escape(title)}</h1>",
            *(f'<p class="lead">{sentence}</p>' for sentence in _answer(progress, confirmation)),
            "<h2>The front</h2>",
            *divs,
            _table(progress, progress.front.members),
            *(_confirmation(confirmation) if confirmation else ()),
            *(_ablations(ablations) if ablations else ()),
            *_insights(progress),
            "<h2>All trials</h2>",
            _table(progress, progress.records, every=True),
            "<h2>How to reproduce</h2>",
            _facts_table(facts),
            f"<script>{SCRIPT}</script></body></html>",
            "",
        ]
    )


def confirmed_sentence(confirmation: ConfirmedFront, progress: SearchProgress) -> str:
    """What became of the search's front on fresh seeds."""
    found = {member.number for member in progress.front.members}
    verdicts = [one.verdict for one in confirmation.networks if one.record.number in found]
    stays = sum(verdict.is_decided and verdict.on_front > 0.5 for verdict in verdicts)
    falls = sum(verdict.is_decided and verdict.on_front < 0.5 for verdict in verdicts)
    deviation = f"; one training deviates by {100 * confirmation.belief.deviation:.2f} points"
    return (
        f"Of {len(found)} networks on the front, {len(verdicts)} were trained again on fresh seeds: {stays} belong "
        f"there and {falls} do not with 95 % each, {len(verdicts) - stays - falls} are in doubt"
        f"{deviation if confirmation.belief.freedom else ''}."
    )


def _answer(progress: SearchProgress, confirmation: ConfirmedFront | None) -> list[str]:
    counts = ", ".join(
        f"{progress.count(status)} {word}"
        for status, word in (
            (TrialStatus.COMPLETE, "trained in full"),
            (TrialStatus.PRUNED, "stopped early"),
            (TrialStatus.FAILED, "failed"),
        )
    )
    if not progress.front.members:
        return [f"No network was trained in full yet ({counts})."]
    front, cost = progress.front, progress.objectives.costs[0]
    knee, best, cheapest = front.knee, front.best, front.cheapest
    with_se = sum(any(token != "none" for token in member.se) for member in front.members)
    return [
        f"Of {progress.ended} networks tried ({counts}), {len(front)} are on the Pareto front: from "
        f"{_accuracy(cheapest)} at {format_cost(cost, cheapest.cost[cost])} {cost} to {_accuracy(best)} at "
        f"{format_cost(cost, best.cost[cost])}.",
        f"The knee is trial {knee.number}: {_accuracy(knee)} at {format_cost(cost, knee.cost[cost])} {cost}, SE by "
        f"stage {_se(knee)}.",
        f"{with_se} of the {len(front)} networks on the front use SE somewhere. "
        + (
            confirmed_sentence(confirmation, progress)
            if confirmation
            and {one.record.number for one in confirmation.networks} & {one.number for one in front.members}
            else "Each was trained once, for a short time: differences of a few images are chance."
        ),
    ]


def _confirmation(confirmation: ConfirmedFront) -> list[str]:
    """How sure the front is, trained again."""
    cost = confirmation.costs[0]
    columns = ("trial", cost, "search", "mean", "95 %", "seeds", "probability", "SE by stage")
    members = {one.record.number for one in confirmation.members}
    rows = []
    for one in confirmation.networks:
        verdict = one.verdict
        mark = ' <span class="mark">●</span>' if one.record.number in members else ""
        width = f"± {verdict.half_width:.4f}" if confirmation.belief.freedom else ""
        numbers = [f"{one.record.accuracy:.4f}", f"{verdict.mean:.4f}", width, str(len(one.accuracies))]
        cells = [f"{one.record.number}{mark}", _cost(one.record, cost), *numbers, f"{verdict.on_front:.2f}"]
        shown = "".join(_cell(cell, number=True) for cell in cells) + _cell(_se(one.record))
        rows.append(f"<tr data-trial={one.record.number}>{shown}</tr>")
    return [
        "<h2>How sure is it?</h2>",
        f"<p>The networks of the front, and those near it, trained again for {confirmation.epochs} epochs on seeds "
        "that the search had not used. Accuracy is on the validation images; the intervals (95 %) are of the mean over "
        "seeds, with one deviation for all networks. The probability is that no other of these networks is more "
        "accurate at no more cost; ● is on the front of the means.</p>",
        _figure_html(confirmed_figure(confirmation)),
        _table_html(columns, columns[:-1], rows),
    ]


def ablation_sentences(ablation: Ablation) -> list[str]:
    """What the effects say, sure ones apart from those that the seeds cannot tell."""
    sure = [effect for effect in ablation.effects if effect.gain.is_sure]
    unsure = [effect.label for effect in ablation.effects if not effect.gain.is_sure]
    sentences = [
        f"SE {effect.label} is worth {100 * effect.gain.mean:+.2f} ± {100 * effect.gain.half_width:.2f} points "
        f"for {effect.added['params']:+,.0f} parameters."
        for effect in sure
    ]
    if unsure:
        sentences.append(f"{ablation.effects[0].gain.seeds} seeds cannot tell what SE is worth: {'; '.join(unsure)}.")
    return sentences


def _ablations(ablations: Sequence[Ablation]) -> list[str]:
    """What SE is worth in the networks that were looked at."""
    parts = [
        "<h2>What is SE worth?</h2>",
        "<p>The same trunk with SE in other places, trained on the same seeds. The gain is the mean difference in "
        "validation accuracy between a network with SE there and the same without; the intervals hold "
        "together with 95 %, and what a seed does to all networks is taken out.</p>",
    ]
    for ablation in ablations:
        parts.append(_figure_html(ablation_figure(ablation)))
        parts += [f"<p>{escape(sentence)}</p>" for sentence in ablation_sentences(ablation)]
    return parts


def _insights(progress: SearchProgress) -> list[str]:
    """What the whole search says without further training."""
    if not progress.front.members:
        return []
    effects, correlations = marginals(progress.records, progress.objectives.costs), foretelling(progress.records)
    parts = ["<h2>What do all trials say?</h2>"]
    if effects:
        of_se = [one for one in effects if one.factor.startswith("SE ")]
        others = [one for one in effects if one not in of_se]
        parts.append(
            "<p>Networks with each value against the average network of equal cost; stopped ones count with the "
            "accuracy that was expected of them. The search chose what it tried, so this shows what goes along with "
            "accuracy, not what causes it; the intervals (95 %) are bootstraps over the networks.</p>"
        )
        parts += [f"<p>{escape(sentence)}</p>" for sentence in _effect_sentences(of_se)]
        for chosen, title in ((of_se, "SE by stage"), (others, "The other decisions")):
            if chosen:
                parts.append(_figure_html(effects_figure(chosen, title=title)))
    parts.append(_figure_html(learning_curves_figure(progress)))
    if correlations:
        parts.append(_figure_html(foretelling_figure(correlations)))
        parts.append(
            "<p>Only networks that were trained to the end are in the correlation; they were chosen by their early "
            "accuracy, so that over all networks it is higher.</p>"
        )
    return parts


def _effect_sentences(effects: Sequence[Marginal]) -> list[str]:
    """What is sure of SE, and that the rest is not."""
    if not effects:
        return ["Where SE is cannot be told apart here: the networks differ too little in it."]
    sure = [
        f"{one.factor} {one.value}: {100 * one.mean:+.2f} points ({100 * one.low:+.2f} to {100 * one.high:+.2f})"
        for one in effects
        if one.is_sure
    ]
    unsure = len(effects) - len(sure)
    if not sure:
        return ["The trials cannot tell the choices of SE apart: every interval has zero in it."]
    return [*sure, *([f"For {unsure} other choices of SE the trials cannot tell."] if unsure else [])]


def _accuracy(record: TrialRecord) -> str:
    return f"{100 * (record.accuracy or 0):.2f}\u2009%"


def _table(progress: SearchProgress, records: Sequence[TrialRecord], *, every: bool = False) -> str:
    front = {member.number for member in progress.front.members}
    knee = progress.front.knee.number if front else None
    costs = list(dict.fromkeys(name for record in records for name in record.cost))
    head = [
        "trial",
        *(["state"] if every else []),
        "accuracy",
        *costs,
        "SE by stage",
        "epochs",
        "fingerprint",
    ]
    if every:
        head.append("reason")
    rows = []
    for record in records:
        mark = ' <span class="mark">●</span>' if every and record.number in front else ""
        cells = [_cell(f"{record.number}{mark}", number=True)]
        if every:
            cells.append(_cell(record.status.value))
        cells.append(_cell("" if record.accuracy is None else f"{record.accuracy:.4f}", number=True))
        cells += [_cell(_cost(record, name), number=True) for name in costs]
        cells.append(_cell(_se(record)))
        cells += [_cell(str(len(record.curve)), number=True), _cell(escape(record.fingerprint))]
        if every:
            cells.append(_cell(escape(record.reason)))
        kind = " class=knee" if record.number == knee else ""
        rows.append(f"<tr data-trial={record.number}{kind}>{''.join(cells)}</tr>")
    numbers = {"trial", "accuracy", "epochs", *costs}
    table = _table_html(head, numbers, rows)
    if not every:
        return table
    return (
        '<label class="filter">Show only rows with <input type="search" placeholder="complete, inner, a fingerprint">'
        f'</label><div class="every">{table}</div>'
    )


def _table_html(head: Sequence[str], numbers: Collection[str], rows: Sequence[str]) -> str:
    """A table whose heads sort it; columns in `numbers` stand to the right."""
    heads = "".join(
        f"<th{' class=number' if name in numbers else ''}><button type=button>{escape(name)}</button></th>"
        for name in head
    )
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _se(record: TrialRecord) -> str:
    return f'<span class="se">{escape(se_glyphs(record.se))}</span>'


def _cost(record: TrialRecord, name: str) -> str:
    value = record.cost.get(name)
    if value is None:
        return ""
    return f"{value:.2f} ms" if name == "latency" else f"{value:,.0f}"


def _facts_table(facts: Mapping[str, str]) -> str:
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in facts.items())
    return f'<div class="scroll"><table>{rows}</table></div>'


def _cell(html: str, *, number: bool = False) -> str:
    return f'<td class="number">{html}</td>' if number else f"<td>{html}</td>"


def _figure_html(figure: object, *, first: bool = False) -> str:
    html: str = plotly.io.to_html(
        figure, full_html=False, include_plotlyjs=first, config={"displaylogo": False, "responsive": True}
    )
    return f'<div class="figure">{html}</div>'

"""The section of the page on shared weights: what a supernet says of placements, and what relaxed gates chose."""

from collections.abc import Iterator, Sequence
from html import escape

from se_nas.analysis.chosen_by_gates import ChosenByGates
from se_nas.analysis.supernet_account import SupernetAccount
from se_nas.costs import short_table_names
from se_nas.report.cells import button_html, cell_html, cost_text, se_html, table_html
from se_nas.report.drawing import figure_html
from se_nas.report.figures.supernet import supernet_figures
from se_nas.report.supernet_texts import (
    effects_sentences,
    gates_sentence,
    option_text,
    points,
    prior_sentence,
    supernet_sentences,
    trust_sentence,
)


def shared_weights_section(accounts: Sequence[SupernetAccount], gates: ChosenByGates | None) -> Iterator[str]:
    """Yield the HTML of the section."""
    for account in accounts:
        yield from _supernet(account)
    if gates is not None:
        yield f"<p>{escape(gates_sentence(gates))}</p>"
        yield _gates_table(gates)
        yield f'<p class="data">Data: <a href="{escape(gates.file)}">{escape(gates.file)}</a></p>'


def _supernet(account: SupernetAccount) -> Iterator[str]:
    yield from (f"<p>{escape(sentence)}</p>" for sentence in supernet_sentences(account))
    yield f"<p>{escape(trust_sentence(account))} {escape(prior_sentence(account))}</p>"
    if account.trust is not None:
        yield _trust_table(account)
        yield (
            "<p>The last three rankings need no training. Trained networks show whether more SE is better or worse, so "
            "such a ranking counts in both directions. The intervals (95 %) are bootstraps over the networks.</p>"
        )
    if account.scores.placements:
        yield f"<p>{escape(effects_sentences(account))}</p>"
        yield _effects_table(account)
        for figure in supernet_figures(account).values():
            yield figure_html(figure)
        shown = len(account.shown)
        if shown < len(account.scores.placements):
            yield (
                f"<p>{shown} of {len(account.scores.placements):,} placements: the best in the supernet, the best "
                f"trained alone, SE nowhere and SE everywhere. {escape(account.file)} has all of them.</p>"
            )
        yield _placements_table(account)
    yield f'<p class="data">Data: <a href="{escape(account.file)}">{escape(account.file)}</a></p>'


def _trust_table(account: SupernetAccount) -> str:
    """Kendall's tau of the supernet and of the free rankings, with networks that were trained alone."""
    assert account.trust is not None
    head = ("ranking", "Kendall's tau", "95 %")
    rows = [
        f"<tr>{cell_html(escape(each.ranking))}{cell_html(f'{each.tau:+z.2f}', number=True)}"
        f"{cell_html(f'{each.low:+z.2f} to {each.high:+z.2f}', number=True)}</tr>"
        for each in (account.trust.own, *account.trust.free)
    ]
    return table_html(head, head[1:], rows)


def _effects_table(account: SupernetAccount) -> str:
    """The points that each option of SE adds in the supernet."""
    scores = account.scores
    rows = []
    for effect in scores.option_effects():
        compared = option_text(scores, effect.switch, effect.option)
        cells = [cell_html(escape(scores.switches[effect.switch])), cell_html(escape(compared))]
        rows.append(f"<tr>{''.join(cells)}{cell_html(points(effect.gain), number=True)}</tr>")
    return table_html(("place", "SE", "points"), ("points",), rows)


def _placements_table(account: SupernetAccount) -> str:
    """Each shown placement: its rank and score in the supernet, and its rank and accuracy trained alone."""
    costs = [name for name in short_table_names() if any(name in each.cost for each in account.shown)]
    numbers = ("rank", "in the supernet", "rank alone", "trained alone", "trial", *costs)
    ranks, ranks_alone = account.ranks, account.ranks_alone
    rows = []
    for each in account.shown:
        alone, trial = account.alone.get(each.fingerprint), account.trials.get(each.fingerprint)
        cells = [
            str(ranks[each.fingerprint]),
            f"{each.accuracy:.4f}",
            str(ranks_alone.get(each.fingerprint, "")),
            "" if alone is None else f"{alone:.4f}",
            "" if trial is None else button_html(trial),
            *(cost_text(each.cost, name) for name in costs),
        ]
        shown = "".join(cell_html(cell, number=True) for cell in cells) + cell_html(se_html(each.se))
        rows.append(f"<tr{'' if trial is None else f' data-trial={trial}'}>{shown}</tr>")
    return table_html((*numbers, "SE by stage"), numbers, rows)


def _gates_table(gates: ChosenByGates) -> str:
    """The placement at each price, with its trial."""
    numbers = ("price", "certainty", "trial", "trained alone")
    rows = []
    for each in gates.choices:
        cells = [
            f"{each.price:g}",
            f"{each.certainty:.2f}",
            "" if each.trial is None else button_html(each.trial),
            "" if each.accuracy is None else f"{each.accuracy:.4f}",
        ]
        shown = "".join(cell_html(cell, number=True) for cell in cells) + cell_html(se_html(each.se))
        rows.append(f"<tr{'' if each.trial is None else f' data-trial={each.trial}'}>{shown}</tr>")
    return table_html((*numbers, "SE by stage"), numbers, rows)

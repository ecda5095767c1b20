"""Sentences and cells about a supernet and relaxed gates, for the page and for the terminal. Plain text, no markup."""

from collections.abc import Iterator

from se_nas.analysis.chosen_by_gates import ChosenByGates
from se_nas.analysis.rank_correlation import LEAST_PAIRS
from se_nas.analysis.ranking_trust import ALL_EQUAL, Trust
from se_nas.analysis.supernet_account import SupernetAccount
from se_nas.analysis.supernet_scores import SupernetScores
from se_nas.costs import COSTS
from se_nas.space.attention.tokens import NONE
from se_nas.wording import counted, format_duration, se_glyphs

LEAST_INTERACTION = 0.001
"""The smallest interaction that is stated: a tenth of a point."""
MOST_INTERACTIONS = 8


def points(gain: float) -> str:
    """A gain in points, with its sign.

    >>> points(0.0123), points(-0.000001)
    ('+1.23', '+0.00')
    """
    return f"{100 * gain:+z.2f}"


def option_text(scores: SupernetScores, switch: int, option: int) -> str:
    """An option of a switch, and the first option, which it is compared with."""
    options = scores.options[switch]
    return f"{_option(options[option])} instead of {_option(options[0])}"


def interactions_text(scores: SupernetScores) -> str:
    """The strongest interactions of two places, in points; empty if none is worth stating."""
    return ", ".join(
        f"{scores.switches[each.first]} and {scores.switches[each.second]} {points(each.gain)}"
        for each in scores.pair_effects()[:MOST_INTERACTIONS]
        if abs(each.gain) >= LEAST_INTERACTION
    )


def supernet_sentences(account: SupernetAccount) -> Iterator[str]:
    """Sentences about the training of a supernet, what was read, and its best placement."""
    scores = account.scores
    trial = account.file.removesuffix(".json").partition("-")[2]
    trunk = f" on the trunk of trial {int(trial)}" if trial else ""
    trained = "" if account.epochs is None else f" for {counted(account.epochs, 'epoch')}"
    took = {name: f" ({format_duration(seconds)})" for name, seconds in account.seconds.items()}
    yield (
        f"One network{trunk} with a switch in each of {counted(len(scores.switches), 'place')} was "
        f"trained{trained}{took.get('training', '')}. Of {counted(scores.count, 'placement')} of SE, "
        f"{len(scores.placements):,} {'was' if len(scores.placements) == 1 else 'were'} read from it"
        f"{took.get('reading', '')}."
    )
    if not scores.placements:
        return
    best = scores.best[0]
    alone = account.alone.get(best.fingerprint)
    reached = "was not trained alone in full" if alone is None else f"reached {100 * alone:.2f} % trained alone"
    yield (
        f"Its best placement is {se_glyphs(best.se)} with {100 * best.accuracy:.2f} % in the supernet; it {reached}."
    )


def trust_sentence(account: SupernetAccount) -> str:
    """A sentence that says whether the ranking can be trusted, and why."""
    trust = account.trust
    if trust is None:
        return (
            f"Whether this ranking can be trusted is unknown: {len(account.alone)} of these placements were trained "
            f"alone, and a comparison needs {LEAST_PAIRS}. So it is a guess, not an answer."
        )
    compared = f"compared with {counted(trust.count, 'network')} trained alone ({account.source})"
    if trust.is_earned:
        return (
            f"The ranking can be trusted, {compared}: {_why(trust)}. Still, train the best placements alone before you "
            "choose one."
        )
    return f"The ranking cannot be trusted, {compared}: {_why(trust)}."


def prior_sentence(account: SupernetAccount) -> str:
    """A sentence that says whether the search uses the scores as its prior, and why."""
    if not account.is_prior:
        return (
            "These scores chose some of the first trials. They are no prior, because the search ends before its model "
            "proposes networks."
            if account.is_start
            else "The search did not use these scores."
        )
    trust = account.prior_trust
    if trust is None:
        return (
            f"The search does not use these scores as a prior yet: {counted(len(account.trials), 'complete trial')} "
            f"cannot show whether they are right, and {LEAST_PAIRS} are needed."
        )
    is_same = trust is account.trust
    judged = "So" if is_same else f"By its {counted(trust.count, 'complete trial')}"
    why = "" if is_same else f", because {_why(trust)}"
    if account.is_prior_used:
        return f"{judged} the search uses these scores as the prior of its model of accuracy{why}."
    return f"{judged} the prior is dropped{why}. The model of the search ignores these scores."


def effects_sentences(account: SupernetAccount) -> str:
    """Sentences about the effects, and about places whose effects are unknown."""
    scores = account.scores
    unknown = ", ".join(scores.unknown_effects)
    together = interactions_text(scores)
    told = [
        f"The effect of SE in a place is what it adds to the {account.metric.label} in the supernet, as a mean over "
        "the other places with and without SE. It has no interval, because all placements share the same weights.",
        f"The placements that were read do not distinguish what SE adds in {unknown}." if unknown else "",
        f"Two places together add, in points beyond the sum of both: {together}." if together else "",
    ]
    return " ".join(each for each in told if each)


def gates_sentence(gates: ChosenByGates) -> str:
    """Sentences about the placements that relaxed gates chose, and about the number of them that were trained alone."""
    different = {choice.se for choice in gates.choices}
    trained = {choice.se for choice in gates.choices if choice.trial is not None}
    named = COSTS[gates.cost].column if gates.cost in COSTS else gates.cost
    saved = "log of the factor by which SE everywhere must divide the cross-entropy"
    if not gates.is_product:
        saved = "cross-entropy that SE everywhere must save"
    return (
        f"A price is the {saved} to be worth its cost. "
        f"At {counted(len(gates.choices), 'price')} of SE ({named}), the gates chose "
        f"{counted(len(different), 'placement')}. The search trained {len(trained)} of them alone in full. The "
        "certainty is the smallest probability of a chosen option: near 1, the gates have decided; at a low certainty, "
        "the choice is due to chance."
    )


def _option(token: str) -> str:
    return "no SE" if token == NONE else se_glyphs([token])


def _why(trust: Trust) -> str:
    """The interval of the supernet's tau, and the tau of the best free ranking."""
    best = max(trust.free, key=lambda each: abs(each.tau))
    relation = "the whole interval is" if trust.is_earned else "the interval is not wholly"
    free = f"ranking {'with' if best.ranking == ALL_EQUAL else 'by'} {best.ranking}"
    return (
        f"its Kendall's tau is {trust.own.tau:+z.2f} (95 % interval {trust.own.low:+z.2f} to {trust.own.high:+z.2f}), "
        f"and {relation} above {trust.reached_for_free:.2f}, which {free} reaches without any training"
    )

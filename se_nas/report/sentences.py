"""Sentences about the results of a search, for the page and for the terminal. Plain text, no markup."""

from collections.abc import Iterator, Sequence

from se_nas.analysis.confirmation import ConfirmedFront
from se_nas.analysis.edf import Split
from se_nas.analysis.effects import Marginal
from se_nas.analysis.importances import Importances
from se_nas.analysis.rank_correlation import Agreement
from se_nas.analysis.search_effects import StageGain
from se_nas.costs import format_cost
from se_nas.objective_metric import ACCURACY, ObjectiveMetric
from se_nas.searching.pareto import ParetoFront
from se_nas.searching.progress import SearchProgress
from se_nas.searching.records import TrialRecord, TrialStatus
from se_nas.space.attention.tokens import NONE
from se_nas.wording import counted, se_glyphs


def answer(progress: SearchProgress, confirmation: ConfirmedFront | None) -> list[str]:
    """The first three sentences of the page."""
    counts = ", ".join(
        f"{progress.count(status):,} {word}"
        for status, word in (
            (TrialStatus.COMPLETE, "trained in full"),
            (TrialStatus.PRUNED, "stopped early"),
            (TrialStatus.FAILED, "failed"),
        )
    )
    if not progress.front.members:
        return [f"No network was trained in full yet ({counts})."]
    front, costs = progress.front, progress.objectives.costs
    knee, best, cheapest = front.knee, front.best, front.cheapest
    with_se = sum(any(token != NONE for token in member.se) for member in front.members)
    return [
        f"Of {progress.ended:,} networks tried ({counts}), {len(front)} are on the Pareto front: from "
        f"{_accuracy(front, cheapest)} at {_costs(cheapest, costs)} to {_accuracy(front, best)} at "
        f"{_costs(best, costs)}.",
        f"The knee is trial {knee.number}: {_accuracy(front, knee)} at {_costs(knee, costs)}, SE by "
        f"stage {se_glyphs(knee.se)}; {with_se} of the {len(front)} networks on the front use SE somewhere.",
        (
            confirmed_sentence(confirmation, progress)
            if confirmation
            and {one.record.number for one in confirmation.networks} & {one.number for one in front.members}
            else f"Each was trained once, for a short time: differences of a few images are chance.{_expected(front)}"
        ),
    ]


def confirmed_sentence(confirmation: ConfirmedFront, progress: SearchProgress) -> str:
    """A sentence about the search's front on fresh seeds."""
    found = {member.number for member in progress.front.members}
    verdicts = [one.verdict for one in confirmation.networks if one.record.number in found]
    stays = sum(verdict.is_surely_on_front for verdict in verdicts)
    falls = sum(verdict.is_surely_off_front for verdict in verdicts)
    doubtful = len(verdicts) - stays - falls
    deviation = f"; one training deviates by {100 * confirmation.belief.deviation:.2f} points"
    return (
        f"Of {len(found)} {'network' if len(found) == 1 else 'networks'} on the front, {len(verdicts)} "
        f"{'was' if len(verdicts) == 1 else 'were'} trained again {_on_fresh_seeds(confirmation)}: with 95 % each, "
        f"{stays} {'belongs' if stays == 1 else 'belong'} there and {falls} {'does' if falls == 1 else 'do'} not, "
        f"{doubtful} {'is' if doubtful == 1 else 'are'} in doubt{deviation if confirmation.belief.freedom else ''}."
    )


def left_out_sentences(confirmation: ConfirmedFront) -> list[str]:
    """A sentence about networks that may be on the front but were not trained again; none if there are none."""
    if not confirmation.left_out:
        return []
    return [
        f"{trials(confirmation.left_out)}: may be on the front too, but not trained again, because no more than "
        f"{len(confirmation.networks)} networks were asked for (--networks)."
    ]


def trials(numbers: Sequence[int]) -> str:
    """The trials by number: `trial 3`, `trials 3, 4`."""
    return f"trial{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def effect_sentences(effects: Sequence[Marginal]) -> list[str]:
    """Sentences about the effects of SE: the significant effects, and the number of the others."""
    if not effects:
        return ["The effects of SE cannot be estimated here: the networks differ too little in their SE."]
    sure = [
        f"{one.factor} {one.value}: {100 * one.mean:+z.2f} points ({100 * one.low:+z.2f} to {100 * one.high:+z.2f})"
        for one in effects
        if one.is_sure
    ]
    unsure = len(effects) - len(sure)
    if not sure:
        return ["No choice of SE differs significantly from the others: every interval contains zero."]
    told = [*sure, *([f"For {unsure} other choices of SE the trials cannot decide."] if unsure else [])]
    return [
        *told,
        f"Each interval holds with 95 %: of {len(effects)}, {0.05 * len(effects):.1f} exclude zero by chance.",
    ]


def stage_gain_sentences(gains: Sequence[StageGain]) -> list[str]:
    """A sentence about the gain of SE in each stage, from one model of all trials; none if there are too few."""
    if not gains:
        return []
    told = [
        f"in stage {one.stage} {100 * one.mean:+z.2f} ± {100 * one.half_width:.2f}"
        f"{' (significant)' if one.is_sure else ''}"
        for one in gains
    ]
    return [
        "One model of all trials, with the decisions about the trunk as covariates, gives the gain of SE over no SE at "
        f"equal cost and trunk, in points with 95 % intervals: {'; '.join(told)}."
    ]


def importance_sentence(importances: Importances, metric: ObjectiveMetric = ACCURACY) -> str:
    """A sentence about the variance in the metric that the decisions explain, and the most important decisions."""
    if importances.explained <= 0:
        return (
            f"The decisions do not predict the {metric.label} of networks that the forest has not seen: at equal cost, "
            "the differences are chance, or there are too few networks."
        )
    sure = [one.factor for one in importances.of_each if one.is_sure][:3]
    named = f"most by {', '.join(sure)}" if sure else "none of them significantly"
    return (
        f"At equal cost, the decisions predict {100 * importances.explained:.0f} % of the variance in {metric.label} "
        f"of networks that the forest has not seen, {named}."
    )


def split_sentences(splits: Sequence[Split]) -> list[str]:
    """Sentences about the questions that split the space significantly, and the number of the others."""
    sure = [split for split in splits if split.is_sure]
    told = [
        f"{split.question}, {split.subspaces[0].label} against {split.subspaces[1].label}: the errors differ, in the "
        f"median by {100 * split.difference:+z.2f} points (p = {split.probability:.2g})."
        for split in sure
    ]
    if len(sure) < len(splits):
        unsure = len(splits) - len(sure)
        told.append(f"For {unsure} of {len(splits)} questions the two sides do not differ significantly.")
    return told


def agreement_sentences(
    confirmation: ConfirmedFront | None,
    confirmed: Agreement | None,
    retrained: Agreement | None,
    metric: ObjectiveMetric = ACCURACY,
) -> Iterator[str]:
    """Sentences about the rank correlation of the search's accuracies with later ones, on fresh seeds and retrained.

    Those on fresh seeds are values of `metric`, which scored the trials.
    """
    again = _on_fresh_seeds(confirmation) if confirmation else "on fresh seeds"
    for found, later, values in (
        (confirmed, again, "accuracies" if metric is ACCURACY else f"values of {metric.label}"),
        (retrained, "retrained, on test images", "accuracies"),
    ):
        if found is None:
            yield f"Networks {later}: too few to compare their order with that in the search."
        else:
            yield (
                f"{found.count} networks {later}: their {values} have a rank correlation of {found.correlation:.2f} "
                f"({found.low:.2f} to {found.high:.2f}) with those in the search; on average they differ by "
                f"{100 * found.change:+z.2f} points."
            )


def _on_fresh_seeds(confirmation: ConfirmedFront) -> str:
    """The text "on fresh seeds", with the epochs if they differ from the search's."""
    searched = len(confirmation.networks[0].record.curve)
    if confirmation.epochs == searched:
        return "on fresh seeds"
    return f"on fresh seeds for {counted(confirmation.epochs, 'epoch')} (the search: {searched})"


def _expected(front: ParetoFront) -> str:
    """A sentence about the values of the front if they are expected ones, else nothing."""
    if not front.expected:
        return ""
    values = "accuracies" if front.objectives.metric is ACCURACY else "percentages"
    return f" The {values} are what is expected after all trainings."


def _costs(record: TrialRecord, names: Sequence[str]) -> str:
    return " and ".join(f"{format_cost(name, record.cost[name])} {name}" for name in names)


def _accuracy(front: ParetoFront, record: TrialRecord) -> str:
    """The accuracy, or the objective metric in its place with its name."""
    metric = front.objectives.metric
    return f"{100 * front.accuracy(record):.2f} %{'' if metric is ACCURACY else f' {metric.label}'}"

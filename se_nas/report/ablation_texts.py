"""Sentences and cells about the result of an ablation, for the page and for the terminal. Plain text, no markup."""

from collections.abc import Iterator, Mapping, Sequence

from se_nas.analysis.ablation import Ablation, Experiment, Interaction, Placement
from se_nas.analysis.designed.forecast import rounded_trainings, trainings_needed
from se_nas.analysis.designed.fractions import FULL
from se_nas.analysis.designed.residual_check import DOUBTFUL, ResidualCheck
from se_nas.analysis.paired import CONFIDENCE, Effect, Extra, Gain
from se_nas.costs import COSTS
from se_nas.objective_metric import ObjectiveMetric
from se_nas.wording import counted, se_glyphs

MOST_SHOWN = 8
"""The number of placements that tables and figures show, beside the reference placements: the most accurate."""

ROMAN = {4: "IV", 5: "V", 6: "VI", 7: "VII"}


def ablation_sentences(ablation: Ablation) -> list[str]:
    """Sentences about the effects: first the significant effects, then the others, then the best placement."""
    sure = [effect for effect in ablation.effects if effect.gain.is_sure]
    unsure = [effect for effect in ablation.effects if not effect.gain.is_sure]
    sentences = [
        f"SE {effect.label} is worth {gain_text(effect.gain)} points for {effect.added['params'].amount:+z,.0f} "
        "parameters."
        for effect in sure
    ]
    experiment = ablation.experiment
    if experiment is None:
        if unsure:
            labels = "; ".join(effect.label for effect in unsure)
            sentences.append(f"{unsure[0].gain.seeds} seeds cannot decide what SE is worth: {labels}.")
        return sentences
    if unsure:
        sentences.append(
            f"{counted(experiment.trainings, 'training')} cannot decide whether SE helps: "
            f"{'; '.join(_undecided(effect, experiment) for effect in unsure)}."
        )
    return [
        *sentences,
        *_treatment_sentences(experiment),
        *_interaction_sentences(experiment),
        _best(experiment),
        _residual_sentence(experiment.residuals, ablation.metric),
    ]


def design_sentence(experiment: Experiment) -> str:
    """A sentence about the design, the trainings and their noise."""
    return (
        f"{counted(experiment.trainings, 'training')} on {counted(experiment.seeds, 'seed')}: {experiment.points} "
        f"placements ({design_name(experiment.resolution)}), and reference placements. One training deviates by "
        f"{100 * experiment.deviation:.2f} points, beside the effect that its seed has on all networks."
    )


def design_name(resolution: int) -> str:
    """The kind of a design: all combinations, or a fraction of them with its resolution."""
    return "all combinations" if resolution == FULL else f"a fraction of resolution {ROMAN[resolution]}"


def _residual_sentence(check: ResidualCheck, metric: ObjectiveMetric) -> str:
    """A sentence that says whether the residuals look as the intervals assume."""
    doubts = [
        text
        for probability, text in (
            (check.normal, f"they are not normal (p = {check.normal:.2g}), so intervals may be a little wrong"),
            (
                check.even,
                f"their spread changes with the {metric.label} (p = {check.even:.2g}), so some intervals are too "
                "narrow and others too wide",
            ),
            (
                check.additive,
                f"single places and pairs do not explain all differences (p = {check.additive or 0:.2g}), so the "
                "prediction of a placement may be wrong by more than its interval",
            ),
        )
        if probability is not None and probability < DOUBTFUL
    ]
    if doubts:
        return f"The residuals cast doubt on the intervals: {'; '.join(doubts)}."
    additive = "" if check.additive is None else f", lack of fit p = {check.additive:.2g}"
    return (
        "The residuals look as the intervals assume: normal and equally spread "
        f"(p = {check.normal:.2g} and {check.even:.2g}{additive})."
    )


def gain_columns(ablation: Ablation) -> list[str]:
    """The heads of a table of gains: the gain of SE, each of its costs, and the gain per cost."""
    kinds = [COSTS[name] for name in _compared(ablation)]
    per = [f"{'points per' if not place else 'per'}\n{kind.step_text}" for place, kind in enumerate(kinds)]
    return [
        "gain in\npoints, 95 %",
        *(f"{kind.column}, 95 %" if kind.measured else kind.column for kind in kinds),
        *per,
    ]


def gain_cells(effect: Effect, ablation: Ablation) -> list[str]:
    """The cells of one effect, in the order of `gain_columns`."""
    compared = _compared(ablation)
    ratios = [effect.gain_per(name, step) if name in effect.added else None for name, step in compared.items()]
    return [
        gain_text(effect.gain),
        *(_extra_if_known(name, effect.added) for name in compared),
        *("" if gain is None else gain_text(gain) for gain in ratios),
    ]


def _compared(ablation: Ablation) -> dict[str, float]:
    """The costs for which an ablation gives a gain: by name, the amount that the gain is for."""
    return {
        name: kind.step for name, kind in COSTS.items() if kind.step is not None and name in ablation.effects[0].added
    }


def gain_text(gain: Gain) -> str:
    """A gain in points of accuracy with half the width of its interval. A gain that rounds to 0 has no minus.

    >>> gain_text(Gain(mean=0.0123, half_width=0.0045, seeds=3)), gain_text(Gain(mean=-1e-6, half_width=0.01, seeds=3))
    ('+1.23 ± 0.45', '+0.00 ± 1.00')
    """
    return f"{100 * gain.mean:+z.2f} ± {100 * gain.half_width:.2f}"


def _extra_if_known(cost: str, added: Mapping[str, Extra]) -> str:
    """An additional cost, or nothing if it was not measured. A measured cost has an interval."""
    if cost not in added:
        return ""
    kind, extra = COSTS[cost], added[cost]
    return (
        f"{extra.amount:+z.3f} ({extra.low:z.3f} to {extra.high:z.3f})" if kind.measured else f"{extra.amount:+z,.0f}"
    )


def shown_placements(ablation: Ablation) -> Sequence[Placement]:
    """The most accurate placements, and the reference placements, in the order of their accuracy."""
    experiment = ablation.experiment
    if experiment is None:
        return ()
    return [
        placement
        for rank, placement in enumerate(experiment.placements)
        if rank < MOST_SHOWN or placement.name in experiment.habit_names
    ]


def placement_columns(ablation: Ablation) -> list[str]:
    """The heads of a table of placements."""
    return [
        "placement",
        "SE by stage",
        "probability\nto be best",
        f"{ablation.metric.label} in %,\n95 % interval",
        "gain over\nSE nowhere",
        *(COSTS[name].column for name in _compared(ablation)),
    ]


def placement_cells(placement: Placement, ablation: Ablation) -> list[str]:
    """The cells of a placement, in the order of `placement_columns`."""
    return [
        placement.name,
        se_glyphs(placement.se),
        f"{placement.best:.2f}",
        f"{100 * placement.accuracy:.2f} ± {100 * placement.half_width:.2f}",
        "" if placement.gain is None else gain_text(placement.gain),
        *(_extra_if_known(name, placement.added) for name in _compared(ablation)),
    ]


def _undecided(effect: Effect, experiment: Experiment) -> str:
    """The effect, and the number of trainings that would show its sign if it is as large as estimated."""
    needed = trainings_needed(experiment.trainings, half_width=effect.gain.half_width, wanted=abs(effect.gain.mean))
    can = f"{rounded_trainings(needed)} trainings can, if the gain is as estimated"
    return f"{effect.label} ({gain_text(effect.gain)}; {can})"


def _treatment_sentences(experiment: Experiment) -> Iterator[str]:
    sure = [effect for effect in experiment.treatments if effect.gain.is_sure]
    for effect in sure:
        yield f"SE {effect.label} is worth {gain_text(effect.gain)} points."
    if len(sure) < len(experiment.treatments):
        others = "; ".join(effect.label for effect in experiment.treatments if not effect.gain.is_sure)
        yield f"No significant difference: SE {others}."


def _interaction_sentences(experiment: Experiment) -> Iterator[str]:
    sure: list[Interaction] = [each for each in experiment.interactions if each.gain.is_sure]
    for each in sure:
        yield f"SE {each.label} together is worth {gain_text(each.gain)} points beyond the sum of both alone."
    if experiment.interactions and not sure:
        widest = max(each.gain.half_width for each in experiment.interactions)
        yield (
            "No two places of SE help or hinder each other significantly: all interactions are known to "
            f"± {100 * widest:.2f} points."
        )


def _best(experiment: Experiment) -> str:
    ranked = sorted(experiment.placements, key=lambda placement: -placement.best)
    told = [
        f"{one.name} ({se_glyphs(one.se)}; probability {one.best:.2f}; {100 * one.accuracy:.2f} ± "
        f"{100 * one.half_width:.2f} %)"
        for one in ranked[:2]
    ]
    if ranked[0].best >= CONFIDENCE:
        return f"The best placement is {told[0]}."
    return f"No placement is significantly the best. The most probable: {', then '.join(told)}."

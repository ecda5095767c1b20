"""Makes the result of an ablation from its accuracies and from the costs of its networks."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from se_nas.analysis.ablation import Ablation, Interaction, Placement
from se_nas.analysis.ablation import Experiment as Found
from se_nas.analysis.designed.best import probabilities_of_best
from se_nas.analysis.designed.model import Fitted, Key
from se_nas.analysis.designed.residual_check import check_residuals
from se_nas.analysis.paired import Effect, Extra, Gain
from se_nas.commands.ablate.experiment import FOUND, NOWHERE, Experiment
from se_nas.commands.ablate.factors import RATIO, SITE
from se_nas.commands.ablate.plan import fitted_to
from se_nas.costs import measured_among

Values = NDArray[np.float64]

Costs = Mapping[str, Mapping[str, Sequence[float]]]
"""The values of each cost by the name of the network: one value of a counted cost, all values of a measured cost."""


def make_ablation(
    experiment: Experiment, outcomes: Mapping[Key, float], costs: Costs, *, trial: int, epochs: int
) -> Ablation:
    """The result. What the trainings do not suffice for is left out. ValueError if they suffice for no main effect."""
    fitted = fitted_to(experiment, outcomes)
    terms, labels = fitted.contrasts, [place.label for place in experiment.factors.places]
    added = _added_by_place(experiment, costs)
    mains = _gains(fitted, [terms.main_effect(factor) for factor in range(len(labels))])
    return Ablation(
        trial=trial,
        epochs=epochs,
        effects=tuple(
            Effect(where=labels[factor], over="", gain=gain, added=added[factor]) for factor, gain in mains.items()
        ),
        experiment=Found(
            trainings=len(fitted.keys),
            seeds=fitted.seeds,
            points=len(experiment.design.points),
            resolution=experiment.design.resolution,
            deviation=fitted.deviation,
            habits=_habits(experiment, fitted, costs),
            treatments=_treatments(experiment, fitted, costs),
            interactions=_interactions(experiment, fitted, labels),
            placements=_placements(experiment, fitted, costs),
            habit_names=experiment.habits,
            residuals=check_residuals(fitted),
        ),
    )


def _gains(fitted: Fitted, contrasts: Sequence[Values]) -> dict[int, Gain]:
    """The gains that the trainings suffice for, by the index of their contrast. Their intervals hold together."""
    known = [index for index, contrast in enumerate(contrasts) if fitted.determines(contrast)]
    if not known:
        return {}
    means, widths = fitted.differences([contrasts[index] for index in known])
    return {
        index: Gain(mean=float(mean), half_width=float(width), seeds=fitted.seeds)
        for index, mean, width in zip(known, means, widths, strict=True)
    }


def _interactions(experiment: Experiment, fitted: Fitted, labels: Sequence[str]) -> tuple[Interaction, ...]:
    """The interaction of each two places; none if the design cannot tell them apart."""
    if not experiment.design.separates_interactions:
        return ()
    pairs = fitted.contrasts.pairs
    gains = _gains(fitted, [fitted.contrasts.interaction(index) for index in range(len(pairs))])
    return tuple(
        Interaction(first=labels[pairs[index][0]], second=labels[pairs[index][1]], gain=gain)
        for index, gain in gains.items()
    )


def _habits(experiment: Experiment, fitted: Fitted, costs: Costs) -> tuple[Effect, ...]:
    """The comparisons of the reference placements: each with nowhere, and the published placement with the found."""
    arms = {arm.name: fitted.contrasts.row(arm.name, arm.cell) for arm in experiment.placements}
    names = [name for name in experiment.habits if name in arms]
    others = [name for name in names if name not in (NOWHERE, FOUND)]
    pairs = [(name, NOWHERE) for name in names if name != NOWHERE and NOWHERE in names]
    pairs += [(name, FOUND) for name in others if FOUND in names]
    gains = _gains(fitted, [arms[name] - arms[over] for name, over in pairs])
    return tuple(
        Effect(where=pairs[index][0], over=pairs[index][1], gain=gain, added=_between(costs, *pairs[index]))
        for index, gain in gains.items()
    )


def _treatments(experiment: Experiment, fitted: Fitted, costs: Costs) -> tuple[Effect, ...]:
    """The linear and the quadratic effect of the ratio, and each other site against the site as found."""
    factors, terms = experiment.factors, fitted.contrasts
    wanted: list[tuple[str, str, str, list[float]]] = []
    if factors.ratios:
        wanted.append(("twice as wide", "half as wide", RATIO, [-1.0, 0.0, 1.0]))
        wanted.append(("as wide as found", "half or twice as wide on average", RATIO, [-0.5, 1.0, -0.5]))
    for index, site in enumerate(factors.sites, start=1):
        weights = [-1.0] + [float(index == other) for other in range(1, 1 + len(factors.sites))]
        wanted.append((f"at {site}", "at its site as found", SITE, weights))
    gains = _gains(fitted, [terms.treatment(name, weights) for _, _, name, weights in wanted])
    return tuple(
        Effect(
            where=wanted[index][0],
            over=wanted[index][1],
            gain=gain,
            added=_added_by_treatment(experiment, wanted[index][2], wanted[index][3], costs),
        )
        for index, gain in gains.items()
    )


def _placements(experiment: Experiment, fitted: Fitted, costs: Costs) -> tuple[Placement, ...]:
    """Every placement that the trainings suffice for, the most accurate first."""
    rows = {arm.name: fitted.contrasts.row(arm.name, arm.cell) for arm in experiment.placements}
    nowhere = rows.get(NOWHERE)
    trained = rows[next(name for name, _ in fitted.keys if name in rows)]
    arms = [arm for arm in experiment.placements if fitted.determines(rows[arm.name] - trained)]
    own = [rows[arm.name] for arm in arms]
    accuracies, widths = fitted.levels(own)
    best = probabilities_of_best(fitted, own)
    gains = _gains(fitted, [row - nowhere for row in own]) if nowhere is not None else {}
    counts = Counter(name for name, _ in fitted.keys)
    found = [
        Placement(
            name=arm.name,
            se=arm.network.se_tokens,
            accuracy=float(accuracies[index]),
            half_width=float(widths[index]),
            gain=gains.get(index) if arm.name != NOWHERE else None,
            best=float(best[index]),
            trainings=counts[arm.name],
            added=_between(costs, arm.name, NOWHERE),
        )
        for index, arm in enumerate(arms)
    ]
    return tuple(sorted(found, key=lambda placement: -placement.accuracy))


def _added_by_place(experiment: Experiment, costs: Costs) -> list[dict[str, Extra]]:
    """The amount that SE in each place adds to each cost."""
    added: list[dict[str, Extra]] = [{} for _ in experiment.factors.places]
    for cost, values in costs.items():
        for extra, amounts in zip(added, amounts_by_place(experiment, values), strict=True):
            extra[cost] = _extra(cost, amounts)
    return added


def amounts_by_place(experiment: Experiment, values: Mapping[str, Sequence[float]]) -> Values:
    """The amount that SE in each place adds to a cost (places, values).

    This is a least-squares fit of one amount a place to the values of the networks, by name.
    """
    cells = {arm.name: arm.cell for arm in experiment.placements if not arm.cell.is_own}
    names = [name for name in values if name in cells]
    signs = np.array([[1.0, *cells[name].point] for name in names])
    amounts: Values = np.linalg.lstsq(signs, np.array([values[name] for name in names]), rcond=None)[0]
    return np.round(amounts[1:], 9)


def _added_by_treatment(
    experiment: Experiment, treatment: str, weights: Sequence[float], costs: Costs
) -> dict[str, Extra]:
    """What these weights over the levels of a treatment add to each counted cost, as a mean over the networks."""
    added = {}
    for cost, values in costs.items():
        by_level: list[list[float]] = [[] for _ in weights]
        for name, arm in experiment.arms.items():
            if treatment in arm.cell.treatments and name in values:
                by_level[arm.cell.treatments[treatment]].append(float(np.median(values[name])))
        if cost not in measured_among([cost]) and all(by_level):
            amount = sum(weight * float(np.mean(own)) for weight, own in zip(weights, by_level, strict=True))
            added[cost] = Extra.counted(amount)
    return added


def _between(costs: Costs, name: str, over: str) -> dict[str, Extra]:
    """What one network adds over another to each cost that is known of both."""
    return {
        cost: _extra(cost, np.subtract(values[name], values[over]))
        for cost, values in costs.items()
        if name in values and over in values
    }


def _extra(cost: str, amounts: Values) -> Extra:
    """An additional cost from its values: one if it is counted, several if it is measured."""
    if measured_among([cost]):
        return Extra.measured(amounts.tolist(), [0.0] * len(amounts))
    return Extra.counted(float(amounts[0]))

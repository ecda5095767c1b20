"""The plan of an ablation: seed after seed, until it has the wanted seeds or intervals that are narrow enough."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from se_nas.analysis.designed.forecast import rounded_trainings, trainings_needed
from se_nas.analysis.designed.model import Fitted, fit
from se_nas.commands.ablate.experiment import Experiment
from se_nas.commands.replications.plan import Key, Outcomes

BATCH = 16
"""The number of trainings after which a large experiment is looked at. The points of 16 trainings are balanced."""

FEWEST_SEEDS = 2
"""The number of seeds without which the noise cannot be estimated."""


@dataclass(frozen=True, slots=True)
class MainEffects:
    """The estimated gain of SE in each place, and half the widths of their simultaneous intervals."""

    gains: tuple[float, ...]
    half_widths: tuple[float, ...]

    @property
    def widest(self) -> float:
        """The largest half of a width."""
        return max(self.half_widths)


def fitted_to(experiment: Experiment, outcomes: Mapping[Key, float]) -> Fitted:
    """The model, fitted to these accuracies. ValueError if they are too few.

    If some network has no accuracy, the interactions may not be known apart from the main effects. They are then left
    out.
    """
    cells = {name: arm.cell for name, arm in experiment.arms.items()}
    known = {key: accuracy for key, accuracy in outcomes.items() if key[0] in cells}
    try:
        whole = fit(known, cells, experiment.terms)
        if all(map(whole.determines, map(whole.contrasts.main_effect, range(experiment.design.factors)))):
            return whole
    except ValueError:
        pass
    reduced = fit(known, cells, experiment.terms.without_pairs)
    if not any(map(reduced.determines, map(reduced.contrasts.main_effect, range(experiment.design.factors)))):
        raise ValueError("no factor has trainings both with SE and without it")
    return reduced


def main_effects(experiment: Experiment, outcomes: Mapping[Key, float]) -> MainEffects | None:
    """The main effects after these trainings; None if they are too few."""
    try:
        fitted = fitted_to(experiment, outcomes)
    except ValueError:
        return None
    effects = [fitted.contrasts.main_effect(factor) for factor in range(experiment.design.factors)]
    if not all(map(fitted.determines, effects)):
        return None
    gains, widths = fitted.differences(effects)
    return MainEffects(tuple(gains.tolist()), tuple(widths.tolist()))


class ExperimentPlan:
    """Trains the networks of an experiment seed after seed, each seed in the order of the design.

    Without `until`, it trains on `seeds` seeds. With `until`, a fraction of accuracy, it goes on until no main effect
    has a wider half of its interval. In both cases it ends after `most` trainings. `report` gets a line after each
    batch: what is known, and what would be needed to know the rest.
    """

    def __init__(
        self, experiment: Experiment, *, seeds: int, until: float | None, most: int, report: Callable[[str], None]
    ) -> None:
        self._experiment, self._until, self._most, self._report = experiment, until, most, report
        size = experiment.size
        self._first = FEWEST_SEEDS * size
        self._goal = min(most, self._first if until is not None else seeds * size)
        self._keys = [(name, seed) for seed in range(-(-most // size)) for name in experiment.of_seed(seed)][:most]
        self._batches = _batch_ends(size, most, first=self._first)
        self._looked = 0
        self._is_new = True

    @property
    def least(self) -> Sequence[Key]:
        """The trainings that are done, as far as is known now."""
        return self._keys[: self._goal]

    def __call__(self, outcomes: Outcomes, under_way: Collection[Key]) -> Key | None:
        """The next training."""
        self._look(outcomes)
        self._is_new = False
        return next((key for key in self._keys[: self._goal] if key not in outcomes and key not in under_way), None)

    def _look(self, outcomes: Outcomes) -> None:
        """Look at each batch that has ended since the last call: report it, and decide whether to go on."""
        while self._looked < len(self._batches):
            end = self._batches[self._looked]
            if end > self._goal or any(key not in outcomes for key in self._keys[:end]):
                return
            self._looked += 1
            known = {key: value for key in self._keys[:end] if (value := outcomes[key]) is not None}
            effects = main_effects(self._experiment, known)
            if self._until is not None and end == self._goal:
                self._goal = self._next_goal(end, effects)
            if not self._is_new and end < self._goal:
                self._report(self._line(end, effects))

    def _next_goal(self, end: int, effects: MainEffects | None) -> int:
        """The number of trainings at which the intervals are looked at again: halfway to the number that they need."""
        if effects is not None and effects.widest <= (self._until or 0):
            return end
        needed = math.inf
        if effects is not None:
            needed = trainings_needed(end, half_width=effects.widest, wanted=self._until or 0)
        halfway = min(self._most, end + (needed - end) / 2)
        later = [batch for batch in self._batches if batch > end]
        return next((batch for batch in later if batch >= halfway), self._most)

    def _line(self, end: int, effects: MainEffects | None) -> str:
        if effects is None:
            return f"after {end} trainings: too few have succeeded for an estimate"
        width = f"after {end} trainings: the gain of SE in a place is known to ± {100 * effects.widest:.2f} points"
        if self._until is not None:
            needed = trainings_needed(end, half_width=effects.widest, wanted=self._until)
            return f"{width}; ± {100 * self._until:g} takes about {rounded_trainings(needed)} trainings in all"
        return f"{width}{_needed(self._experiment, effects, end)}"


def _needed(experiment: Experiment, effects: MainEffects, trainings: int) -> str:
    """What it would take to know the sign of each gain that is not significant yet, if it is as estimated."""
    places = zip(experiment.factors.places, effects.gains, effects.half_widths, strict=True)
    needed = {
        place.label: trainings_needed(trainings, half_width=width, wanted=abs(gain))
        for place, gain, width in places
        if abs(gain) <= width
    }
    if not needed:
        return "; each gain is significant"
    texts = [
        f"{rounded_trainings(needed[label])} for SE {label}" for label in sorted(needed, key=lambda each: needed[each])
    ]
    return f"; estimated number of trainings in all that show the sign of the gain: {', '.join(texts)}"


def _batch_ends(size: int, most: int, *, first: int) -> list[int]:
    """The numbers of trainings after which the results are looked at, from `first` on."""
    step = size if size <= 3 * BATCH // 2 else BATCH
    ends = [start + within for start in range(0, most, size) for within in (*range(step, size - step // 2, step), size)]
    return sorted({min(end, most) for end in ends if min(end, most) >= first})

"""The result of an ablation: what SE is worth in each place of a network, and which placement is best."""

from collections.abc import Mapping
from dataclasses import dataclass

from se_nas.analysis.designed.residual_check import ResidualCheck
from se_nas.analysis.paired import Effect, Extra, Gain
from se_nas.objective_metric import ACCURACY, ObjectiveMetric


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """The gain of SE in two places beyond the sum of the gains of each alone."""

    first: str
    second: str
    gain: Gain

    @property
    def label(self) -> str:
        """Text for people: `in stage 1 and in stage 2`."""
        return f"{self.first} and {self.second}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A placement of SE with its predicted accuracy, as a mean over the seeds, and half the width of its interval.

    `gain` is its gain over SE nowhere (None if nowhere has no accuracy), and `added` what its SE adds to each cost.
    `best` is the probability that no other placement is more accurate.
    """

    name: str
    se: tuple[str, ...]
    accuracy: float
    half_width: float
    gain: Gain | None
    best: float
    trainings: int
    added: Mapping[str, Extra]

    def __post_init__(self) -> None:
        if not (0 <= self.best <= 1 and self.half_width >= 0):
            raise ValueError(f"0 <= best <= 1 and half_width >= 0 must hold, but got {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """The findings of a designed experiment beside the main effects: see `Ablation`.

    `deviation` is the standard deviation of one training, as a fraction. `resolution` is that of the design, whose
    `points` are trained on `seeds` seeds, in `trainings` in all. `habits` compare the reference placements, and
    `treatments` the ratios and sites. `habit_names` are the names of the reference placements. The intervals of each of
    the five lists hold together with 95 %.
    """

    trainings: int
    seeds: int
    points: int
    resolution: int
    deviation: float
    habits: tuple[Effect, ...]
    treatments: tuple[Effect, ...]
    interactions: tuple[Interaction, ...]
    placements: tuple[Placement, ...]
    habit_names: tuple[str, ...]
    residuals: ResidualCheck

    @property
    def best(self) -> Placement:
        """The placement that is most probably the best."""
        return max(self.placements, key=lambda placement: (placement.best, placement.accuracy))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ablation:
    """The effects of SE in a trial's network, trained for `epochs`. Their intervals hold together with 95 %.

    With an `experiment`, they are main effects: the gain of SE in a place, averaged over the other places with and
    without SE. Earlier versions switched SE in one place, with all others as found, and had no experiment.
    `metric` is what all accuracies here are, if the search scored its trials by another metric.
    """

    trial: int
    epochs: int
    effects: tuple[Effect, ...]
    experiment: Experiment | None = None
    metric: ObjectiveMetric = ACCURACY

    def __post_init__(self) -> None:
        if not self.effects:
            raise ValueError("an ablation needs at least one effect")
        if any(effect.added.keys() != self.effects[0].added.keys() for effect in self.effects):
            raise ValueError("all effects of an ablation need the same additional costs")
        if "params" not in self.effects[0].added:
            raise ValueError("an effect needs what SE adds to params")
        if self.experiment is not None and not self.experiment.placements:
            raise ValueError("an experiment needs at least one placement")

"""The objectives of a search: accuracy, or another metric of all images, is maximised; costs are minimised."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from se_nas.costs import COSTS, measured_among
from se_nas.errors import InputError
from se_nas.objective_metric import ACCURACY, METRIC_NAMES, ObjectiveMetric
from se_nas.wording import suggest

MEASURED = "measured"
"""Behind the name of an objective, as in `latency=measured`: trials measure it although a table could predict it."""
EQUAL_COST = 0.01
"""Costs that differ by at most this fraction are practically equal, unless the user says otherwise."""


@dataclass(frozen=True, slots=True)
class Objective:
    """A quantity and its direction."""

    name: str
    maximise: bool

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """The direction in the words of Optuna."""
        return "maximize" if self.maximise else "minimize"


@dataclass(frozen=True, slots=True)
class Objectives:
    """The objectives in their order: accuracy or the metric in its place, then one or two costs.

    Costs that differ by at most the fraction `equal_cost` count as equal. `tabled` names the measured costs that a
    table predicts before training, as objectives or for bounds. `left_to_trials` are costs that no table may predict.
    """

    costs: tuple[str, ...]
    equal_cost: float = EQUAL_COST
    metric: ObjectiveMetric = ACCURACY
    tabled: tuple[str, ...] = ()
    left_to_trials: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Objective]:
        costs = (Objective(name, maximise=False) for name in self.costs)
        return iter((Objective(self.metric.value, maximise=True), *costs))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the objectives: `("accuracy", "flops", ...)`, with the metric in the place of accuracy."""
        return (self.metric.value, *self.costs)

    @property
    def text(self) -> str:
        """The objectives as `parse_objectives` reads them: `accuracy` stands for the metric."""
        own = [f"{name}={MEASURED}" if name in self.left_to_trials else name for name in self.costs]
        return ",".join([ACCURACY.value, *own])

    @property
    def measured(self) -> tuple[str, ...]:
        """The names of the costs that trials have to measure."""
        return self.measured_among(self.costs)

    def measured_among(self, names: Iterable[str]) -> tuple[str, ...]:
        """The names, among these, of the costs that trials have to measure."""
        return tuple(name for name in measured_among(names) if name not in self.tabled)

    def tabled_among(self, names: Iterable[str]) -> tuple[str, ...]:
        """The names, among these, of the costs that a table may predict."""
        return tuple(name for name in measured_among(names) if COSTS[name].tabled and name not in self.left_to_trials)


def parse_objectives(
    text: str, *, equal_cost: float = EQUAL_COST, tabled: tuple[str, ...] = (), metric: ObjectiveMetric = ACCURACY
) -> Objectives:
    """Parse a text such as `accuracy,flops,params` or `accuracy,latency=measured`. `tabled` has the costs of a table.

    `metric` takes the place of accuracy. InputError unless the text has accuracy and one or two known costs.
    """
    names, left_to_trials = [], []
    for part in text.split(","):
        name, equals, how = (word.strip() for word in part.partition("="))
        if name in METRIC_NAMES - {ACCURACY.value}:
            right = text.replace(name, ACCURACY.value)
            raise InputError(f"--objectives {text}: write --objectives {right} --objective-metric {name}")
        if name not in (ACCURACY.value, *COSTS):
            hint = suggest(name, (ACCURACY.value, *COSTS))
            raise InputError(f"--objectives {text}: no objective '{name}'; {hint}")
        if equals:
            if how != MEASURED or not measured_among([name]):
                known = " or ".join(f"{each}={MEASURED}" for each in measured_among(COSTS))
                raise InputError(f"--objectives {text}: expected a name alone or {known}, but got '{part.strip()}'")
            left_to_trials.append(name)
        names.append(name)
    costs = tuple(name for name in names if name != ACCURACY.value)
    if len(set(names)) < len(names) or len(costs) == len(names) or not 1 <= len(costs) <= 2:
        raise InputError(
            f"--objectives {text}: expected accuracy and one or two costs, each once, e.g. accuracy,flops,params"
        )
    return Objectives(costs, equal_cost, metric, tabled=tabled, left_to_trials=tuple(left_to_trials))

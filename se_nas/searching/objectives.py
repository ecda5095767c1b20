"""The objectives of a search: accuracy is maximised, costs are minimised."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from se_nas.costs import COSTS, measured_among
from se_nas.errors import InputError
from se_nas.wording import suggest

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


ACCURACY = Objective("accuracy", maximise=True)


@dataclass(frozen=True, slots=True)
class Objectives:
    """The objectives in their order: accuracy, then one or two costs.

    Costs that differ by at most the fraction `equal_cost` count as equal.
    """

    costs: tuple[str, ...]
    equal_cost: float = EQUAL_COST

    def __iter__(self) -> Iterator[Objective]:
        return iter((ACCURACY, *(Objective(name, maximise=False) for name in self.costs)))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the objectives: `("accuracy", "flops", ...)`."""
        return (ACCURACY.name, *self.costs)

    @property
    def measured(self) -> tuple[str, ...]:
        """The names of the costs that a device has to measure."""
        return measured_among(self.costs)


def parse_objectives(text: str, *, equal_cost: float = EQUAL_COST) -> Objectives:
    """Parse a text such as `accuracy,flops,params`. InputError unless it has accuracy and one or two known costs."""
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in (ACCURACY.name, *COSTS):
            hint = suggest(name, (ACCURACY.name, *COSTS))
            raise InputError(f"--objectives {text}: no objective '{name}'; {hint}")
    costs = tuple(name for name in names if name != ACCURACY.name)
    if len(set(names)) < len(names) or len(costs) == len(names) or not 1 <= len(costs) <= 2:
        raise InputError(
            f"--objectives {text}: expected accuracy and one or two costs, each once, e.g. accuracy,flops,params"
        )
    return Objectives(costs, equal_cost)

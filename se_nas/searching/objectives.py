"""What a search optimises: accuracy up, costs down."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from se_nas.errors import InputError
from se_nas.wording import suggest

COSTS = ("flops", "params", "activations", "latency")


@dataclass(frozen=True, slots=True)
class Objective:
    """A quantity and its direction. Every cost but `latency` is known before a network is trained."""

    name: str
    maximise: bool

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """Optuna's word for it."""
        return "maximize" if self.maximise else "minimize"


ACCURACY = Objective("accuracy", maximise=True)


@dataclass(frozen=True, slots=True)
class Objectives:
    """Accuracy first, then one or two costs."""

    costs: tuple[str, ...]

    def __iter__(self) -> Iterator[Objective]:
        return iter((ACCURACY, *(Objective(name, maximise=False) for name in self.costs)))

    @property
    def names(self) -> tuple[str, ...]:
        """`("accuracy", "flops", ...)`."""
        return (ACCURACY.name, *self.costs)


def parse_objectives(text: str) -> Objectives:
    """Read `accuracy,flops[,params|activations|latency]`; InputError otherwise."""
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
    return Objectives(costs)

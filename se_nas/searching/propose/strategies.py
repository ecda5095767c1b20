"""The search strategies by name."""

from collections.abc import Callable, Iterable, Mapping
from random import Random

from se_nas.searching.candidates import Inspection
from se_nas.searching.objectives import Objectives
from se_nas.searching.propose.front_strategy import FrontStrategy
from se_nas.searching.propose.optuna_strategy import SAMPLERS, OptunaStrategy
from se_nas.searching.propose.strategy import SearchStrategy
from se_nas.space.decisions import Assignment, Decision

STRATEGIES = ("front", *SAMPLERS)


def build_strategy(
    name: str,
    *,
    decisions: Mapping[str, Decision],
    sample: Callable[[Random], Assignment],
    neighbours: Callable[[Assignment], Iterable[Assignment]],
    inspect: Callable[[Assignment], Inspection | None],
    objectives: Objectives,
    seed: int,
) -> SearchStrategy:
    """Build the strategy of this name, one of `STRATEGIES`."""
    if name == "front":
        return FrontStrategy(
            decisions=decisions,
            sample=sample,
            neighbours=neighbours,
            inspect=inspect,
            objectives=objectives,
            seed=seed,
        )
    return OptunaStrategy(name, decisions=decisions, objectives=objectives, seed=seed)

"""The strategy of a search with its wrappers: its proposals keep the rules and bounds of the space and are new."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from se_nas.errors import ImageTooSmallError, MissingPartError
from se_nas.searching.candidates import Inspection
from se_nas.searching.objectives import Objectives
from se_nas.searching.propose.strategies import STRATEGIES, SearchProblem
from se_nas.searching.propose.strategy import Fallback, Feasible, Patient, Sampling, SearchStrategy, Unique
from se_nas.searching.surrogate.prior_mean import Prior
from se_nas.space.architecture import Architecture
from se_nas.space.decisions import Assignment, Value
from se_nas.space.design_space import DesignSpace

STRATEGY_PATIENCE = 64
"""Refused proposals after which a random proposal replaces the strategy's for that trial."""
DRAW_PATIENCE = 5_000
"""Refused draws after which the space counts as exhausted."""


def build_screened_strategy(
    name: str,
    *,
    space: DesignSpace,
    objectives: Objectives,
    cost_of: Callable[[Architecture], Mapping[str, float]],
    seed: int,
    suggested: Sequence[Assignment] = (),
    prior: Prior | None = None,
    patience: int = STRATEGY_PATIENCE,
    draw_patience: int = DRAW_PATIENCE,
) -> SearchStrategy:
    """The named strategy, without proposals that break a rule or a bound and without networks that were tried.

    If the strategy finds no more proposals, random proposals replace them.
    """

    @lru_cache(maxsize=16)  # a proposal is inspected, and then asked for its fingerprint
    def decode(*values: tuple[str, Value]) -> Architecture:
        return space.decode(dict(values))

    def inspect(assignment: Assignment) -> Inspection | None:
        if space.check(assignment) is not None:
            return None
        architecture = decode(*assignment.items())
        try:
            cost = cost_of(architecture)
        except (ImageTooSmallError, MissingPartError):
            return None
        return Inspection(architecture.fingerprint(), cost) if space.cost_violation(cost) is None else None

    def fingerprint(assignment: Assignment) -> str:
        return decode(*assignment.items()).fingerprint()

    def screened(strategy: SearchStrategy, patience: int) -> SearchStrategy:
        return Unique(Feasible(Patient(strategy, patience=patience), inspect), fingerprint)

    named = STRATEGIES[name](
        SearchProblem(
            decisions=space.decisions,
            sample=space.sample,
            neighbours=space.neighbours,
            inspect=inspect,
            objectives=objectives,
            seed=seed,
            suggested=suggested,
            prior=prior,
        )
    )
    draws = Sampling(space.sample, seed=seed)
    return Fallback(screened(named, patience), screened(draws, draw_patience))

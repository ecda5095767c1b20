"""The search strategies by name."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random

from se_nas.searching.candidates import Inspection
from se_nas.searching.objectives import Objectives
from se_nas.searching.propose.evolution import Evolution
from se_nas.searching.propose.front_strategy import BLIND_TRIALS, FrontStrategy
from se_nas.searching.propose.optuna_strategy import OptunaStrategy
from se_nas.searching.propose.reinforce import Reinforce
from se_nas.searching.propose.strategy import SearchStrategy
from se_nas.searching.propose.suggested import Suggested
from se_nas.searching.surrogate.prior_mean import Prior
from se_nas.space.decisions import Assignment, Decision

SUGGESTED_TRIALS = tuple(trial for trial in range(BLIND_TRIALS) if trial % 4 in (0, 3))
"""The numbers of the trials that train what a supernet suggests: the first, then two of four. `front` chooses the
others to cover the space. They come in pairs, because `front` aims at two costs in turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchProblem:
    """Everything that a strategy may know of a search beside its records.

    `sample` draws an assignment, `neighbours` changes one decision of an assignment, and `inspect` returns the cost of
    a network, or None for a network outside the rules or bounds. `suggested` are networks to try early, and `prior`
    gives scores of networks, if something was trained for that before the first trial.
    """

    decisions: Mapping[str, Decision]
    sample: Callable[[Random], Assignment]
    neighbours: Callable[[Assignment], Iterable[Assignment]]
    inspect: Callable[[Assignment], Inspection | None]
    objectives: Objectives
    seed: int
    suggested: Sequence[Assignment] = ()
    prior: Prior | None = None


def _front(problem: SearchProblem) -> SearchStrategy:
    return FrontStrategy(
        decisions=problem.decisions,
        sample=problem.sample,
        neighbours=problem.neighbours,
        inspect=problem.inspect,
        objectives=problem.objectives,
        seed=problem.seed,
        prior=problem.prior,
    )


def _suggested(problem: SearchProblem) -> SearchStrategy:
    return Suggested(problem.suggested, _front(problem), problem.inspect)


def _half_suggested(problem: SearchProblem) -> SearchStrategy:
    return Suggested(problem.suggested, _front(problem), problem.inspect, turns=SUGGESTED_TRIALS)


def _evolution(problem: SearchProblem) -> SearchStrategy:
    return Evolution(
        sample=problem.sample, neighbours=problem.neighbours, objectives=problem.objectives, seed=problem.seed
    )


def _reinforce(problem: SearchProblem) -> SearchStrategy:
    return Reinforce(
        decisions=problem.decisions,
        sample=problem.sample,
        inspect=problem.inspect,
        objectives=problem.objectives,
        seed=problem.seed,
    )


def _optuna(sampler: str, problem: SearchProblem) -> SearchStrategy:
    return OptunaStrategy(sampler, decisions=problem.decisions, objectives=problem.objectives, seed=problem.seed)


STRATEGIES: dict[str, Callable[[SearchProblem], SearchStrategy]] = {
    "front": _front,
    "supernet": _half_suggested,
    "differentiable": _suggested,
    "evolution": _evolution,
    "reinforce": _reinforce,
    "tpe": partial(_optuna, "tpe"),
    "nsga2": partial(_optuna, "nsga2"),
    "random": partial(_optuna, "random"),
}
"""The functions that build a strategy."""

"""Optuna's samplers as search strategies: TPE, NSGA-II and random through one adapter.

A strategy copies the records that it receives to an Optuna study in memory. Each `ask` builds a new sampler from the
seed, the number of records and the number of calls since the last record. So a resumed search makes the same proposals
as an uninterrupted search.
"""

import warnings
from collections.abc import Callable, Mapping

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from se_nas.searching.objectives import Objectives
from se_nas.searching.records import Proposal, TrialRecord, TrialStatus
from se_nas.seeds import derive_seed
from se_nas.space.decisions import Categorical, Decision, FloatRange, IntRange

NSGA_POPULATION = 20


def _tpe(seed: int) -> BaseSampler:
    return TPESampler(multivariate=True, group=True, constant_liar=True, seed=seed)


def _nsga2(seed: int) -> BaseSampler:
    return NSGAIISampler(population_size=NSGA_POPULATION, seed=seed)


def _random(seed: int) -> BaseSampler:
    return RandomSampler(seed=seed)


SAMPLERS: dict[str, Callable[[int], BaseSampler]] = {"tpe": _tpe, "nsga2": _nsga2, "random": _random}

STATES = {
    TrialStatus.RUNNING: TrialState.RUNNING,
    TrialStatus.COMPLETE: TrialState.COMPLETE,
    TrialStatus.PRUNED: TrialState.PRUNED,
    TrialStatus.FAILED: TrialState.FAIL,
}


def optuna_distribution(decision: Decision) -> BaseDistribution:
    """The Optuna distribution of a decision."""
    match decision:
        case Categorical(choices):
            return CategoricalDistribution(choices)
        case IntRange(low, high, step):
            return IntDistribution(low, high, step=step)
        case FloatRange(low, high):
            return FloatDistribution(low, high)


class OptunaStrategy:
    """A search strategy that gets its proposals from one of `SAMPLERS`."""

    def __init__(self, sampler: str, *, decisions: Mapping[str, Decision], objectives: Objectives, seed: int) -> None:
        self._build_sampler = SAMPLERS[sampler]
        self._distributions = {name: optuna_distribution(decision) for name, decision in decisions.items()}
        self._names = objectives.names
        self._seed = seed
        self._storage = InMemoryStorage()
        self._study = optuna.create_study(
            storage=self._storage, directions=[objective.direction for objective in objectives]
        )
        self._mirrored: dict[int, int] = {}  # our trial number -> number in the mirror
        self._ended: set[int] = set()
        self._draft: int | None = None
        self._asked = 0

    def ask(self) -> Proposal:
        """Another assignment. The next `tell` shows whether it is trained."""
        self._drop_draft()
        self._forget_caches()
        seed = derive_seed(self._seed, "ask", len(self._mirrored), self._asked) % 2**32
        self._asked += 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self._study.sampler = self._build_sampler(seed)
            trial = self._study.ask(fixed_distributions=self._distributions)
        self._draft = trial.number
        return Proposal(
            assignment=dict(trial.params), memo=dict(self._study.get_trials(deepcopy=False)[trial.number].system_attrs)
        )

    def tell(self, record: TrialRecord) -> None:
        """Copy the record to the mirror: a running record is a new trial, an ended record closes it."""
        self._drop_draft()
        self._asked = 0
        if record.number not in self._mirrored:
            self._mirrored[record.number] = len(self._study.get_trials(deepcopy=False))
            self._study.add_trial(self._frozen(record))
        elif record.status is not TrialStatus.RUNNING and record.number not in self._ended:
            values = record.values(self._names) if record.status is TrialStatus.COMPLETE else None
            self._study.tell(self._mirrored[record.number], values=values, state=STATES[record.status])
        if record.status is not TrialStatus.RUNNING:
            self._ended.add(record.number)

    def _frozen(self, record: TrialRecord) -> optuna.trial.FrozenTrial:
        return optuna.trial.create_trial(
            state=STATES[record.status],
            values=record.values(self._names) if record.status is TrialStatus.COMPLETE else None,
            params=dict(record.assignment),
            distributions=self._distributions,
            system_attrs=dict(record.memo),
        )

    def _forget_caches(self) -> None:
        """Delete what samplers have stored in the study, e.g. NSGA-II's parents, because it depends on its time."""
        study_id = self._storage.get_study_id_from_name(self._study.study_name)
        for name in self._storage.get_study_system_attrs(study_id):
            if ":parent:" in name:
                self._storage.set_study_system_attr(study_id, name, None)

    def _drop_draft(self) -> None:
        """Mark a proposal that was not started as failed, because samplers ignore failed trials."""
        if self._draft is not None:
            self._study.tell(self._draft, state=TrialState.FAIL)
            self._draft = None

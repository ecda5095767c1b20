"""Stopping rules and proposers of other projects behind one interface each, for replays on recorded learning curves.

A stopping rule is built by `Rule(epochs, seed)`. `started(trial, costs)` names a trial (0, 1, 2, ...) and its costs,
which are minimised. `keep_going(trial, epoch, accuracy)` is called after each epoch (counted from 1) except the last;
False stops the trial for ever. `finished(trial, accuracy)` ends a trial that was fully trained.

A proposer is built by `Proposer(choices, costs, index_of, seed)`: the number of options of each decision, the cost of
each row of the full grid, and the row of a tuple of options. `ask()` gives a row, `tell(row, curve, complete=...)` its
accuracies and whether it was fully trained or stopped.

Peers are imported when a rule is built, so that this file can be imported without them.
"""

from __future__ import annotations

import math
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import moocore
import numpy as np
import optuna
from scipy.stats import spearmanr

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from replay import Proposer, StoppingRule


# Peers' own code


class RayAsha:
    """Asynchronous halving by accuracy alone: ray 2.60.0, `tune/schedulers/async_hyperband.py`, `ASHAScheduler`.

    The scheduler reads the id of the trial only, and nothing of the controller.
    """

    def __init__(self, epochs: int, seed: int, *, reduction_factor: float = 4) -> None:
        from ray.tune.schedulers import ASHAScheduler
        from ray.tune.schedulers.trial_scheduler import TrialScheduler

        self._stop = TrialScheduler.STOP
        self._epochs = epochs
        self._trials: dict[int, _RayTrial] = {}
        self._scheduler = ASHAScheduler(
            time_attr="training_iteration",
            metric="accuracy",
            mode="max",
            max_t=epochs,
            grace_period=1,
            reduction_factor=reduction_factor,
        )

    def started(self, trial: int, costs: tuple[float, ...]) -> None:
        """Add the trial to the scheduler, which does not use costs."""
        self._trials[trial] = _RayTrial(str(trial))
        self._scheduler.on_trial_add(None, self._trials[trial])

    def keep_going(self, trial: int, epoch: int, accuracy: float) -> bool:
        """Whether the scheduler does not answer STOP. A stopped trial is completed, as Tune's controller does."""
        result = {"training_iteration": epoch, "accuracy": accuracy}
        if self._scheduler.on_trial_result(None, self._trials[trial], result) != self._stop:
            return True
        self._scheduler.on_trial_complete(None, self._trials.pop(trial), result)
        return False

    def finished(self, trial: int, accuracy: float) -> None:
        """Report the last epoch, at which Tune stops and completes every trial."""
        result = {"training_iteration": self._epochs, "accuracy": accuracy}
        self._scheduler.on_trial_result(None, self._trials[trial], result)
        self._scheduler.on_trial_complete(None, self._trials.pop(trial), result)


@dataclass(frozen=True, slots=True)
class _RayTrial:
    trial_id: str


class SyneTuneMoasha:
    """Multi-objective asynchronous halving: syne-tune 0.16.0, `optimizer/schedulers/multiobjective/moasha.py`.

    Every parameter of `MOASHA` but the priority is at its default. As shipped, `NonDominatedPriority` returns the
    indices in sorted order, which `Bracket` reads as one priority for each item. So a newcomer continues if the
    *index* of the item that sorts last is small, whatever its own place.
    """

    def __init__(
        self, epochs: int, seed: int, *, priority: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None
    ) -> None:
        from syne_tune.backend.trial_status import Trial
        from syne_tune.optimizer.scheduler import SchedulerDecision
        from syne_tune.optimizer.schedulers.multiobjective.moasha import MOASHA

        self._trial_of, self._stop, self._build = Trial, SchedulerDecision.STOP, MOASHA
        self._epochs, self._seed, self._priority = epochs, seed, priority
        self._scheduler: Any = None
        self._trials: dict[int, tuple[Any, dict[str, float]]] = {}

    def started(self, trial: int, costs: tuple[float, ...]) -> None:
        """Add the trial to the scheduler."""
        log_costs = {f"log_cost_{index}": value for index, value in enumerate(_logarithms(costs))}
        if self._scheduler is None:  # the metrics are declared once; the first trial has the number of costs
            self._scheduler = self._build(
                {"trial": 0},
                metrics=["negated_accuracy", *log_costs],
                max_t=self._epochs,
                multiobjective_priority=self._priority,
                random_seed=self._seed,
            )
        self._trials[trial] = self._trial_of(trial, {"trial": trial}, datetime.min), log_costs
        self._scheduler.on_trial_add(self._trials[trial][0])

    def keep_going(self, trial: int, epoch: int, accuracy: float) -> bool:
        """Whether the scheduler does not answer STOP. A stopped trial is removed, as Syne Tune's tuner does."""
        its_trial, log_costs = self._trials[trial]
        result = {"training_iteration": epoch, "negated_accuracy": -accuracy, **log_costs}
        if self._scheduler.on_trial_result(its_trial, result) != self._stop:
            return True
        self._scheduler.on_trial_remove(its_trial)
        del self._trials[trial]
        return False

    def finished(self, trial: int, accuracy: float) -> None:
        """Complete the trial with its last result."""
        its_trial, log_costs = self._trials.pop(trial)
        result = {"training_iteration": self._epochs, "negated_accuracy": -accuracy, **log_costs}
        self._scheduler.on_trial_complete(its_trial, result)


def syne_tune_moasha_corrected(epochs: int, seed: int) -> StoppingRule:
    """`SyneTuneMoasha` with a true priority: the place by front, then by an ε-net on range-normalised points."""
    return SyneTuneMoasha(epochs, seed, priority=_newcomer_priorities)


class NepsMoAsha:
    """NePS's multi-objective ASHA as a stopping rule: neural-pipeline-search 0.17.0, `optimizers/utils/brackets.py`.

    η = 3, early-stopping rate 0, the rungs (`calculate_sh_rungs`) and the selection (`Rung.mo_selector`, "epsnet") are
    the library's. Departures: NePS pauses trials and promotes them later; this rule stops for ever. So a trial is
    judged once, on arrival at a rung. It continues while k = 0, or if the library selects it among the best k = n // η
    of *all* trials that arrived. NePS counts k over the trials not promoted yet, and so in time promotes all but η - 1.
    """

    def __init__(self, epochs: int, seed: int, *, eta: int = 3) -> None:
        from neps.optimizers.utils.brackets import Rung, calculate_sh_rungs
        from pandas import DataFrame

        self._rung_of, self._table_of, self._eta = Rung, DataFrame, eta
        fidelities, _ = calculate_sh_rungs(bounds=(1, epochs), eta=eta, early_stopping_rate=0)
        self._rungs = frozenset(fidelities.values())
        self._arrivals = _Arrivals()
        self._random_state = np.random.RandomState(seed).get_state()

    def started(self, trial: int, costs: tuple[float, ...]) -> None:
        """Remember the costs."""
        self._arrivals.started(trial, costs)

    def keep_going(self, trial: int, epoch: int, accuracy: float) -> bool:
        """Whether the library selects the trial among the best third at a rung."""
        if epoch not in self._rungs:
            return True
        points = self._arrivals.add(trial, epoch, accuracy)
        count = len(points) // self._eta
        if count == 0:
            return True
        table = self._table_of({"perf": list(points)})
        rung = self._rung_of(value=0, table=table, capacity=None)
        others, _ = np.random.get_state(), np.random.set_state(self._random_state)  # the ε-net starts at a random point
        try:
            selected = rung.mo_selector(selector="epsnet", k=count)
            self._random_state = np.random.get_state()
        finally:
            np.random.set_state(others)
        return len(points) - 1 in selected.index

    def finished(self, trial: int, accuracy: float) -> None:
        """Do nothing: trials are not compared at the last epoch."""


# Restated rules


class HubParetoRank:
    """OptunaHub's `MultiMetricPruner(MedianPruner(), joint=True)`, restated in numpy.

    Source: optuna/optunahub-registry at cade518, `package/pruners/multi_metric_pruner/_pruner.py`, and optuna 5.0.0,
    `pruners/_percentile.py`, with their defaults. At each epoch a trial has the rank of its front among all
    trials that reported this epoch, or -1 on the first front. Trials on the same front are spread over 0.5 to 0.1 less,
    the largest greedy hypervolume contribution first (computed by optuna's own `_hypervolume/hssp.py`). A trial is
    stopped if its best rank so far is worse than the median rank, at this epoch, of the ended trials (finished or
    stopped) that reported it. Nothing is stopped before five trials have ended.
    """

    def __init__(self, epochs: int, seed: int, *, startup: int = 5) -> None:
        from optuna._hypervolume.hssp import _solve_hssp_on_unique_loss_vals

        self._most_hypervolume = _solve_hssp_on_unique_loss_vals
        self._epochs, self._startup = epochs, startup
        self._arrivals = _Arrivals()
        self._ended: set[int] = set()

    def started(self, trial: int, costs: tuple[float, ...]) -> None:
        """Remember the costs."""
        self._arrivals.started(trial, costs)

    def keep_going(self, trial: int, epoch: int, accuracy: float) -> bool:
        """Whether the best rank so far is no worse than the median of the ended trials."""
        self._arrivals.add(trial, epoch, accuracy)
        if len(self._ended) < self._startup or self._is_good_enough(trial, epoch):
            return True
        self._ended.add(trial)
        return False

    def finished(self, trial: int, accuracy: float) -> None:
        """Count the trial as ended."""
        self._arrivals.add(trial, self._epochs, accuracy)
        self._ended.add(trial)

    def _is_good_enough(self, trial: int, epoch: int) -> bool:
        steps = range(1, epoch + 1)
        fronts = {step: moocore.pareto_rank(self._arrivals.points(step)) for step in steps}
        own = {step: self._arrivals.index(trial, step) for step in steps}
        own_fronts = {step: int(fronts[step][own[step]]) for step in steps}
        best_front = min(own_fronts.values())
        if best_front == 0:
            return True
        ended = [index for index, other in enumerate(self._arrivals.trials(epoch)) if other in self._ended]
        if not ended:
            return True
        shared = fronts[epoch] == own_fronts[epoch]
        highest, lowest = np.median(fronts[epoch][ended]), np.median((fronts[epoch] - 0.5 * shared)[ended])
        if best_front <= lowest:  # for any order within a front
            return True
        if best_front - 0.5 > highest:
            return False
        at_best = [step for step in steps if own_fronts[step] == best_front]
        best = min(self._spread(step, fronts[step], best_front)[own[step]] for step in at_best)
        return bool(best <= np.median(self._spread(epoch, fronts[epoch], own_fronts[epoch])[ended]))

    def _spread(self, epoch: int, fronts: NDArray[np.int64], front: int) -> NDArray[np.float64]:
        """The front of each trial; trials on `front` are spread by greedy hypervolume contribution, largest first."""
        spread = fronts.astype(float)
        members = np.flatnonzero(fronts == front)
        if len(members) == 1:
            return spread
        points = self._arrivals.points(epoch)[members]
        worst = points.max(axis=0)
        unique, inverse = np.unique(points, axis=0, return_inverse=True)
        order = [0]
        if len(unique) > 1:
            everyone = np.arange(len(unique))
            chosen = self._most_hypervolume(unique, everyone, len(unique) - 1, np.maximum(1.1 * worst, 0.9 * worst))
            order = [*chosen, *np.setdiff1d(everyone, chosen)]
        ordered = np.concatenate([np.flatnonzero(inverse.reshape(-1) == index) for index in order])
        spread[members[ordered]] -= np.linspace(0.5, 0.1, len(ordered))
        return spread


class IEpoch:
    """Stops a trial that is dominated after epoch i: i-Epoch, Egele et al., arXiv 2307.15422, restated.

    The paper compares accuracies after all trials had their i epochs. Here a trial is compared in (accuracy, log costs)
    with the trials that reached epoch i before it.
    """

    def __init__(self, epochs: int, seed: int, *, judged_at: int) -> None:
        self._judged_at = judged_at
        self._arrivals = _Arrivals()

    def started(self, trial: int, costs: tuple[float, ...]) -> None:
        """Remember the costs."""
        self._arrivals.started(trial, costs)

    def keep_going(self, trial: int, epoch: int, accuracy: float) -> bool:
        """Whether no trial that reached epoch i dominates this trial there; true at every other epoch."""
        if epoch != self._judged_at:
            return True
        return bool(moocore.pareto_rank(self._arrivals.add(trial, epoch, accuracy))[-1] == 0)

    def finished(self, trial: int, accuracy: float) -> None:
        """Do nothing: trials are not compared at the last epoch."""


def i_epoch(judged_at: int) -> Callable[[int, int], StoppingRule]:
    """A factory of the i-Epoch rule with i = `judged_at`."""
    return partial(IEpoch, judged_at=judged_at)


class CalibratedRank:
    """Keeps the better half at rungs 1, 2, 4, ..., but only at rungs that predict the end over the first trials.

    The first eight trials are never stopped. When all of them have finished, a rung is open if the Spearman correlation
    of their accuracies there with the final accuracies is at least 0.7.
    """

    def __init__(self, epochs: int, seed: int, *, never_stopped: int = 8, correlation: float = 0.7) -> None:
        self._never_stopped, self._correlation = never_stopped, correlation
        self._rungs = _doubling(1, epochs)
        self._arrivals = _Arrivals()
        self._final: dict[int, float] = {}
        self._open: frozenset[int] = frozenset()

    def started(self, trial: int, costs: tuple[float, ...]) -> None:
        """Remember the costs."""
        self._arrivals.started(trial, costs)

    def keep_going(self, trial: int, epoch: int, accuracy: float) -> bool:
        """Whether the trial is in the better half at an open rung; true elsewhere."""
        if epoch not in self._rungs:
            return True
        points = self._arrivals.add(trial, epoch, accuracy)
        return trial < self._never_stopped or epoch not in self._open or _newcomer_is_in_better_half(points)

    def finished(self, trial: int, accuracy: float) -> None:
        """Open the rungs that predict the end, when the last of the first eight finishes."""
        if trial >= self._never_stopped:
            return
        self._final[trial] = accuracy
        if len(self._final) == self._never_stopped:
            self._open = frozenset(rung for rung in self._rungs if self._predicts(rung))

    def _predicts(self, rung: int) -> bool:
        first = [self._arrivals.points(rung)[self._arrivals.index(trial, rung), 0] for trial in self._final]
        final = list(self._final.values())
        if len(set(first)) == 1 or len(set(final)) == 1:
            return False
        return bool(spearmanr(np.negative(first), final).statistic >= self._correlation)


class CorrectedRank:
    """Keeps the better half at rungs 3, 6, 12, ...: MOASHA's rule with a correct order and without exemptions."""

    def __init__(self, epochs: int, seed: int, *, first_rung: int = 3) -> None:
        self._rungs = _doubling(first_rung, epochs)
        self._arrivals = _Arrivals()

    def started(self, trial: int, costs: tuple[float, ...]) -> None:
        """Remember the costs."""
        self._arrivals.started(trial, costs)

    def keep_going(self, trial: int, epoch: int, accuracy: float) -> bool:
        """Whether the trial is in the better half at a rung; true elsewhere."""
        return epoch not in self._rungs or _newcomer_is_in_better_half(self._arrivals.add(trial, epoch, accuracy))

    def finished(self, trial: int, accuracy: float) -> None:
        """Do nothing: trials are not compared at the last epoch."""


STOPPING: dict[str, Callable[[int, int], StoppingRule]] = {
    "Ray ASHA": RayAsha,
    "Syne Tune MOASHA": SyneTuneMoasha,
    "Syne Tune MOASHA, corrected": syne_tune_moasha_corrected,
    "NePS MO-ASHA": NepsMoAsha,
    "OptunaHub Pareto rank": HubParetoRank,
    "1-Epoch": i_epoch(1),
    "3-Epoch": i_epoch(3),
    "calibrated rank": CalibratedRank,
    "corrected rank from 3": CorrectedRank,
}


# Proposers


class RandomProposer:
    """Proposes random rows, each once."""

    def __init__(
        self, choices: list[int], costs: NDArray[np.float64], index_of: Callable[[tuple[int, ...]], int], seed: int
    ) -> None:
        self._untried: list[int] = np.random.default_rng(seed).permutation(len(costs)).tolist()

    def ask(self) -> int:
        """An untried row; IndexError if none is left."""
        return self._untried.pop()

    def tell(self, row: int, curve: Sequence[float], *, complete: bool) -> None:
        """Do nothing: random proposals learn nothing."""


class OptunaProposer:
    """An Optuna sampler (optuna 5.0.0) over categorical decisions: accuracy to be maximised, log cost to be minimised.

    Without duplicates, a row that was proposed before is reported as failed, and the sampler is asked again. After
    `attempts` duplicates a random untried row is enqueued.
    """

    def __init__(
        self,
        choices: list[int],
        costs: NDArray[np.float64],
        index_of: Callable[[tuple[int, ...]], int],
        seed: int,
        *,
        sampler: Callable[[int], optuna.samplers.BaseSampler],
        duplicates: bool,
        attempts: int = 64,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler(seed))
        self._choices, self._space = choices, _space(choices)
        self._log_costs, self._index_of = np.log(costs), index_of
        self._duplicates, self._attempts = duplicates, attempts
        self._random = np.random.default_rng(seed)
        self._asked: set[int] = set()
        self._pending: dict[int, list[optuna.Trial]] = defaultdict(list)

    def ask(self) -> int:
        """A row; IndexError if duplicates are not allowed and no untried row is left."""
        for _ in range(self._attempts):
            row, trial = self._propose()
            if self._duplicates or row not in self._asked:
                return self._hand_out(row, trial)
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
        self._study.enqueue_trial(dict(zip(self._space, self._untried(), strict=True)))
        return self._hand_out(*self._propose())

    def tell(self, row: int, curve: Sequence[float], *, complete: bool) -> None:
        """End the oldest trial of the row. With several objectives, Optuna accepts no values of a pruned trial."""
        trial = self._pending[row].pop(0)
        if complete:
            self._study.tell(trial, [curve[-1], float(self._log_costs[row])])
        else:
            self._study.tell(trial, state=optuna.trial.TrialState.PRUNED)

    def _propose(self) -> tuple[int, optuna.Trial]:
        trial = self._study.ask(fixed_distributions=self._space)
        return self._index_of(tuple(int(trial.params[name]) for name in self._space)), trial

    def _hand_out(self, row: int, trial: optuna.Trial) -> int:
        self._asked.add(row)
        self._pending[row].append(trial)
        return row

    def _untried(self) -> tuple[int, ...]:
        options = (range(count) for count in self._choices)
        untried = [decisions for decisions in product(*options) if self._index_of(decisions) not in self._asked]
        if not untried:
            raise IndexError(f"a row must be left untried, but all {len(self._asked)} were asked")
        return untried[self._random.integers(len(untried))]


class OptunaSearchAsha:
    """Ray's `OptunaSearch` with its ASHA, a proposer and a stopping rule in one.

    Source: ray 2.60.0, `tune/search/optuna/optuna_search.py`. Tune reports a stopped trial to the searcher as
    completed, with its last, early accuracy. So does this class, and `tell` adds nothing. Rows may come twice, as in
    Ray. A trial that starts takes the oldest proposal that has not started.
    """

    def __init__(
        self,
        choices: list[int],
        costs: NDArray[np.float64],
        index_of: Callable[[tuple[int, ...]], int],
        seed: int,
        *,
        epochs: int,
    ) -> None:
        from ray.tune.search.optuna import OptunaSearch

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space = _space(choices)
        self._searcher = OptunaSearch(self._space, metric=["accuracy", "log_cost"], mode=["max", "min"], seed=seed)
        self._asha = RayAsha(epochs, seed)
        self._log_costs, self._index_of = np.log(costs), index_of
        self._waiting: list[tuple[str, float]] = []
        self._running: dict[int, tuple[str, float]] = {}
        self._count = 0

    def ask(self) -> int:
        """The row that the searcher suggests."""
        name = str(self._count)
        decisions = self._searcher.suggest(name)
        row = self._index_of(tuple(decisions[decision] for decision in self._space))
        self._waiting.append((name, float(self._log_costs[row])))
        self._count += 1
        return row

    def tell(self, row: int, curve: Sequence[float], *, complete: bool) -> None:
        """Do nothing: the searcher gets results through the stopping rule."""

    def started(self, trial: int, costs: tuple[float, ...]) -> None:
        """Bind the trial to the oldest proposal that has not started."""
        self._running[trial] = self._waiting.pop(0)
        self._asha.started(trial, costs)

    def keep_going(self, trial: int, epoch: int, accuracy: float) -> bool:
        """ASHA's answer. A stopped trial is reported to the searcher as completed."""
        name, log_cost = self._running[trial]
        result = {"training_iteration": epoch, "accuracy": accuracy, "log_cost": log_cost}
        if self._asha.keep_going(trial, epoch, accuracy):
            self._searcher.on_trial_result(name, result)
            return True
        del self._running[trial]
        self._searcher.on_trial_complete(name, result)
        return False

    def finished(self, trial: int, accuracy: float) -> None:
        """Complete the trial for the scheduler and the searcher."""
        name, log_cost = self._running.pop(trial)
        self._asha.finished(trial, accuracy)
        self._searcher.on_trial_complete(name, {"accuracy": accuracy, "log_cost": log_cost})


def _nsga2(seed: int, *, population: int) -> optuna.samplers.BaseSampler:
    return optuna.samplers.NSGAIISampler(population_size=population, seed=seed)


def _tpe(seed: int) -> optuna.samplers.BaseSampler:
    return optuna.samplers.TPESampler(seed=seed)


def _multivariate_tpe(seed: int) -> optuna.samplers.BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(multivariate=True, group=True, constant_liar=True, seed=seed)


_nsga2_of_20, _nsga2_of_50 = partial(_nsga2, population=20), partial(_nsga2, population=50)

PROPOSERS: dict[str, Callable[[list[int], NDArray[np.float64], Callable[[tuple[int, ...]], int], int], Proposer]] = {
    "random": RandomProposer,
    "NSGA-II of 20, duplicates": partial(OptunaProposer, sampler=_nsga2_of_20, duplicates=True),
    "NSGA-II of 20": partial(OptunaProposer, sampler=_nsga2_of_20, duplicates=False),
    "NSGA-II of 50, duplicates": partial(OptunaProposer, sampler=_nsga2_of_50, duplicates=True),
    "NSGA-II of 50": partial(OptunaProposer, sampler=_nsga2_of_50, duplicates=False),
    "TPE, duplicates": partial(OptunaProposer, sampler=_tpe, duplicates=True),
    "TPE": partial(OptunaProposer, sampler=_tpe, duplicates=False),
    "multivariate TPE, duplicates": partial(OptunaProposer, sampler=_multivariate_tpe, duplicates=True),
    "multivariate TPE": partial(OptunaProposer, sampler=_multivariate_tpe, duplicates=False),
}


# The order: fronts, and an ε-net within a front


class _Arrivals:
    """The reports of each epoch, in the order of arrival, as points (-accuracy, log costs)."""

    def __init__(self) -> None:
        self._log_costs: dict[int, tuple[float, ...]] = {}
        self._points: dict[int, dict[int, tuple[float, ...]]] = defaultdict(dict)
        self._indices: dict[tuple[int, int], int] = {}

    def started(self, trial: int, costs: tuple[float, ...]) -> None:
        self._log_costs[trial] = _logarithms(costs)

    def add(self, trial: int, epoch: int, accuracy: float) -> NDArray[np.float64]:
        """Add the newcomer; return the points at the epoch, the newcomer's last."""
        self._indices[trial, epoch] = len(self._points[epoch])
        self._points[epoch][trial] = (-accuracy, *self._log_costs[trial])
        return self.points(epoch)

    def points(self, epoch: int) -> NDArray[np.float64]:
        return np.array(list(self._points[epoch].values()))

    def trials(self, epoch: int) -> list[int]:
        return list(self._points[epoch])

    def index(self, trial: int, epoch: int) -> int:
        return self._indices[trial, epoch]


def _newcomer_is_in_better_half(points: NDArray[np.float64]) -> bool:
    """Whether the last point is among the best ceil(n / 2). The ε-net is needed only if the boundary cuts its front."""
    half = math.ceil(len(points) / 2)
    fronts = moocore.pareto_rank(points)
    better, as_good = int((fronts < fronts[-1]).sum()), int((fronts == fronts[-1]).sum())
    if better + as_good <= half:
        return True
    return better < half and _newcomer_place(points, fronts) < half


def _newcomer_priorities(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The places from 0. Points on other fronts than the last point's have ties, which leave its own place exact."""
    fronts = moocore.pareto_rank(points)
    places = np.searchsorted(np.sort(fronts), fronts).astype(float)
    members = np.flatnonzero(fronts == fronts[-1])
    places[members] += np.argsort(_epsilon_net(_normalised(points)[members]))
    return np.asarray(places)


def _newcomer_place(points: NDArray[np.float64], fronts: NDArray[np.int64]) -> int:
    members = np.flatnonzero(fronts == fronts[-1])
    return int((fronts < fronts[-1]).sum()) + _epsilon_net(_normalised(points)[members]).index(len(members) - 1)


def _epsilon_net(points: NDArray[np.float64]) -> list[int]:
    """The indices: first the most accurate, then the farthest from all before (Salinas et al., arXiv 2106.05680)."""
    order = [int(np.lexsort(points.T[::-1])[0])]
    distances = np.full(len(points), np.inf)
    while len(order) < len(points):
        distances = np.minimum(distances, np.linalg.norm(points - points[order[-1]], axis=1))
        distances[order[-1]] = -1.0
        order.append(int(distances.argmax()))
    return order


def _normalised(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each objective divided by its range, or 0 if all are equal."""
    ranges = np.ptp(points, axis=0)
    return np.asarray((points - points.min(axis=0)) / np.where(ranges > 0, ranges, 1.0))


def _logarithms(costs: Sequence[float]) -> tuple[float, ...]:
    return tuple(math.log(cost) for cost in costs)


def _doubling(first: int, epochs: int) -> tuple[int, ...]:
    """The rungs: `first`, twice that, and so on, before the last epoch."""
    rungs = []
    while first < epochs:
        rungs.append(first)
        first *= 2
    return tuple(rungs)


def _space(choices: list[int]) -> dict[str, optuna.distributions.BaseDistribution]:
    return {f"decision_{i}": optuna.distributions.CategoricalDistribution(range(n)) for i, n in enumerate(choices)}

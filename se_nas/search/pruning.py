"""FrontPruner: stops the trials that, at their cost, are least likely to reach the Pareto front.

Asynchronous successive halving on several objectives, after Schmucker et al., "Multi-objective Asynchronous
Successive Halving", arXiv 2106.12639, in its stopping variant: a trial is judged when it arrives at a rung and is
never resumed. Departures: the order is that of (accuracy at the rung, costs known beforehand), nobody is stopped whom
nobody beats, and a rung is open only where judging pays, as the trials that went to the end show (`foresight`).
"""

import math
from collections.abc import Sequence

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial

from se_nas.search.foresight import Arrivals, forecast, foresight
from se_nas.search.front_order import place

KEPT = 0.4
"""The share of the trials at an open rung that goes on."""
WORTHWHILE = 1.1
"""The gain that is expected of a rung where it is open."""
EARLIEST = 0.06
"""The share of a full training before which there is no rung: it would save that much at most."""
ASSUMED_TO_FINISH = 3
"""So many arrivals are taken to have gone on to the end besides those that were seen: at first none was."""


class FrontPruner(BasePruner):
    """Stops a trial that is not among the best 40 % at one of `rungs` where judging pays, if another is at least as
    accurate there at no more cost and it is not expected to end above those; there may be any number of workers.

    It needs of each trial: the accuracy after each epoch as intermediate value (step = epoch, counted from 1),
    and each of `costs` as user attribute, set before the first rung. All costs are minimised. A trial that lacks
    one is not judged. To go on learning, the trials numbered 1, 4, 16, ... times `never_stopped` always finish; 0
    exempts none. Nothing is kept here: the study is the state.

    With Optuna alone, where `trial.report` refuses several objectives, the storage takes the values:

    >>> optuna.logging.set_verbosity(optuna.logging.ERROR)
    >>> study = optuna.create_study(directions=["maximize", "minimize"])
    >>> pruner = FrontPruner(costs=["flops"], epochs=4)
    >>> for final, flops in [(0.9, 50), (0.8, 40), (0.7, 10), (0.6, 80)]:
    ...     trial = study.ask()
    ...     trial.set_user_attr("flops", flops)
    ...     for epoch in (1, 2, 3, 4):
    ...         accuracy = final * epoch / 4
    ...         study._storage.set_trial_intermediate_value(trial._trial_id, epoch, accuracy)
    ...         if pruner.prune(study, study.trials[trial.number]):
    ...             print(pruner.reason_to_stop(study, study.trials[trial.number]))
    ...             _ = study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    ...             break
    ...     else:
    ...         _ = study.tell(trial, (accuracy, flops))
    stopped at epoch 1: place 4 of 4; expected final 60.0-60.0 % against 90.0 % at no more flops
    """

    def __init__(self, *, costs: Sequence[str], epochs: int, never_stopped: int = 10) -> None:
        if not costs or epochs < 1 or never_stopped < 0:
            raise ValueError(
                "at least one cost, epochs >= 1 and never_stopped >= 0 must hold, but got "
                f"costs={list(costs)}, epochs={epochs}, never_stopped={never_stopped}"
            )
        self._costs = tuple(costs)
        self._epochs = epochs
        self._never_stopped = never_stopped
        self.rungs = _rungs(epochs)

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether to stop `trial`, judged at its last reported epoch."""
        return self.reason_to_stop(study, trial) is not None

    def reason_to_stop(self, study: optuna.Study, trial: FrozenTrial, epoch: int | None = None) -> str | None:
        """Why to stop `trial` at `epoch` (its last reported one), in a line; None when it goes on."""
        epoch = trial.last_step if epoch is None else epoch
        if epoch not in self.rungs or self._always_finishes(trial.number):
            return None
        rivals = [other for other in study.get_trials(deepcopy=False) if other.number != trial.number]
        table = self._known([trial, *rivals], epoch)
        judged = np.flatnonzero(np.isfinite(np.delete(table, 1, axis=1)).all(axis=1))
        if 0 not in judged:
            return None
        arrivals = Arrivals(accuracy=table[judged, 0], final=table[judged, 1], log_costs=table[judged, 2:])
        lengths = np.array([epoch, *(other.last_step or 0 for other in rivals)])
        if not self._pays(arrivals, lengths, epoch):
            return None
        own_place = place(np.column_stack([-arrivals.accuracy, arrivals.log_costs]), 0)
        count = len(arrivals.accuracy)
        if own_place <= math.ceil(KEPT * count):
            return None
        outlook = self._outlook(arrivals)
        if outlook is None:
            return None
        return f"stopped at epoch {epoch}: place {own_place} of {count}; {outlook}"

    def _pays(self, arrivals: Arrivals, lengths: NDArray[np.int64], epoch: int) -> bool:
        """Whether the rung is open, all trials so far having trained for `lengths` epochs."""
        beyond = lengths[lengths > epoch] - epoch
        unseen = ASSUMED_TO_FINISH * (self._epochs - epoch)
        gain = foresight(arrivals).gain(
            kept=KEPT,
            sunk=float(np.minimum(lengths, epoch).sum()) / len(arrivals.accuracy),
            rest=(float(beyond.sum()) + unseen) / (len(beyond) + ASSUMED_TO_FINISH),
        )
        return gain >= WORTHWHILE

    def _outlook(self, arrivals: Arrivals) -> str | None:
        """What the first arrival has to expect beside those that cost no more; None where it may yet be ahead."""
        no_dearer = (arrivals.log_costs <= arrivals.log_costs[0]).all(axis=1)
        no_dearer[0] = False
        best = int(np.where(no_dearer, arrivals.accuracy, -math.inf).argmax())
        own, ahead = arrivals.accuracy[0], arrivals.accuracy[best]
        if not no_dearer.any() or own > ahead:
            return None
        at_no_more_cost = f"at no more {' and '.join(self._costs)}"
        if arrivals.finished.sum() < 3:
            return f"{100 * own:.1f} % there against {100 * ahead:.1f} % {at_no_more_cost}"
        expected, margin = forecast(arrivals, 0)
        reached = arrivals.final[no_dearer & arrivals.finished].max(initial=-math.inf)
        to_beat = max(reached, min(1.0, forecast(arrivals, best)[0]))
        if expected > to_beat:
            return None
        low, high = (min(max(end, 0.0), 1.0) for end in (expected - margin, expected + margin))
        return f"expected final {100 * low:.1f}-{100 * high:.1f} % against {100 * to_beat:.1f} % {at_no_more_cost}"

    def _always_finishes(self, number: int) -> bool:
        """Whether a trial is one of those to learn from: numbers n, 4n, 16n, ..."""
        while number > self._never_stopped and number % 4 == 0:
            number //= 4
        return number == self._never_stopped > 0

    def _known(self, trials: Sequence[FrozenTrial], epoch: int) -> NDArray[np.float64]:
        """A row a trial: accuracy at the epoch, final accuracy, log cost, ...; NaN for what is not known."""
        rows = []
        for trial in trials:
            accuracies, costs = trial.intermediate_values, trial.user_attrs
            reached, final = accuracies.get(epoch, math.nan), accuracies.get(self._epochs, math.nan)
            rows.append((reached, final, *[costs.get(name, math.nan) for name in self._costs]))
        table = np.array(rows, dtype=float)
        table[:, 2:] = np.log(np.maximum(table[:, 2:], 1e-12))
        return table


def _rungs(epochs: int) -> tuple[int, ...]:
    """Epochs a factor of √2 apart, 1, 2, 3, 4, 6, 8, 11, 16, 23, ..., from `EARLIEST` on and before the last."""
    rungs, exact = [], 1.0
    while (rung := round(exact)) < epochs:
        if rung not in rungs and rung >= round(EARLIEST * epochs):
            rungs.append(rung)
        exact *= math.sqrt(2)
    return tuple(rungs)

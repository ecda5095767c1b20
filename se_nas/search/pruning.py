"""FrontPruner: stops the trials that, at their cost, are least likely to reach the Pareto front.

Asynchronous successive halving on several objectives, after Schmucker et al., "Multi-objective Asynchronous
Successive Halving", arXiv 2106.12639, in its stopping variant: a trial is judged when it arrives at a rung and is
never resumed. Departures: the order is that of (accuracy at the rung, costs known beforehand), and a rung is open
only where judging pays, as the trials that are never stopped show (`foresight`).
"""

import math
from collections.abc import Sequence

import numpy as np
import optuna
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial

from se_nas.search.foresight import Arrivals, forecast, foresight
from se_nas.search.front_order import place

KEPT = 0.5
"""The share of the trials at an open rung that goes on."""
WORTHWHILE = 1.1
"""The gain that is expected of a rung before it is opened."""


class FrontPruner(BasePruner):
    """Lets the better half go on at those of `rungs` where judging pays, and whoever is expected to end above all that
    is finished at no more cost; there may be any number of workers.

    It needs of each trial: the accuracy after each epoch as intermediate value (step = epoch, counted from 1),
    and each of `costs` as user attribute, set before the first rung. All costs are minimised. A trial that lacks
    one is not judged. The first `never_stopped` trials always finish (by default as many as the estimate needs),
    and so do, to go on learning, those numbered 2, 4, 8, ... times that. Nothing is kept here: the study is the state.

    With Optuna alone, where `trial.report` refuses several objectives, the storage takes the values:

    >>> optuna.logging.set_verbosity(optuna.logging.ERROR)
    >>> study = optuna.create_study(directions=["maximize", "minimize"])
    >>> pruner = FrontPruner(costs=["flops"], epochs=4)
    >>> for final, flops in [(0.9, 50), (0.8, 70), (0.7, 10), (0.6, 80), (0.5, 60), (0.4, 90), (0.95, 40)]:
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
    stopped at epoch 1: place 6 of 6; expected final 40.0-40.0 % against 90.0 % at no more flops
    """

    def __init__(self, *, costs: Sequence[str], epochs: int, never_stopped: int | None = None) -> None:
        if not costs or epochs < 1 or (never_stopped is not None and never_stopped < 0):
            raise ValueError(
                "at least one cost, epochs >= 1 and never_stopped >= 0 must hold, but got "
                f"costs={list(costs)}, epochs={epochs}, never_stopped={never_stopped}"
            )
        self._costs = tuple(costs)
        self._epochs = epochs
        self._never_stopped = 4 + len(costs) if never_stopped is None else never_stopped
        self.rungs = _rungs(epochs)

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether to stop `trial`, judged at its last reported epoch."""
        return self.reason_to_stop(study, trial) is not None

    def reason_to_stop(self, study: optuna.Study, trial: FrozenTrial, epoch: int | None = None) -> str | None:
        """Why to stop `trial` at `epoch` (its last reported one), in a line; None when it goes on."""
        epoch = trial.last_step if epoch is None else epoch
        if epoch not in self.rungs or self._always_finishes(trial.number):
            return None
        own = self._row(trial, epoch)
        if own is None:
            return None
        rivals = [other for other in study.get_trials(deepcopy=False) if other.number != trial.number]
        rows = [row for other in rivals if (row := self._row(other, epoch)) is not None]
        table = np.array([own, *rows])
        arrivals = Arrivals(accuracy=table[:, 0], final=table[:, 1], log_costs=table[:, 2:])
        belief = foresight(arrivals)
        if belief is None or belief.gain(kept=KEPT, spent=epoch / self._epochs) < WORTHWHILE:
            return None
        expected, margin = forecast(arrivals, 0)
        no_dearer = arrivals.finished & (arrivals.log_costs <= arrivals.log_costs[0]).all(axis=1)
        best = arrivals.final[no_dearer].max(initial=-math.inf)
        own_place = place(np.column_stack([-arrivals.accuracy, arrivals.log_costs]), 0)
        if own_place <= math.ceil(KEPT * len(table)) or expected > best:
            return None
        low, high = max(0.0, expected - margin), min(1.0, expected + margin)
        return (
            f"stopped at epoch {epoch}: place {own_place} of {len(table)}; expected final {100 * low:.1f}-"
            f"{100 * high:.1f} % against {100 * best:.1f} % at no more {' and '.join(self._costs)}"
        )

    def _always_finishes(self, number: int) -> bool:
        """Whether a trial is one of those to learn from: the first n, then numbers 2n, 4n, 8n, ..."""
        if number < self._never_stopped:
            return True
        times, rest = divmod(number, self._never_stopped) if self._never_stopped else (0, 0)
        return rest == 0 and times > 1 and times.bit_count() == 1

    def _row(self, trial: FrozenTrial, epoch: int) -> tuple[float, ...] | None:
        """(accuracy at the epoch, final accuracy or NaN, log cost, ...); None where one is not known or not finite."""
        accuracy = trial.intermediate_values.get(epoch)
        costs = [trial.user_attrs.get(name) for name in self._costs]
        if accuracy is None or not math.isfinite(accuracy) or any(cost is None for cost in costs):
            return None
        final = trial.intermediate_values.get(self._epochs, math.nan)
        return (accuracy, final, *(math.log(max(float(cost), 1e-12)) for cost in costs))  # type: ignore[arg-type]


def _rungs(epochs: int) -> tuple[int, ...]:
    """Epochs a factor of √2 apart, before the last: 1, 2, 3, 4, 6, 8, 11, 16, 23, ..."""
    rungs, exact = [], 1.0
    while (rung := round(exact)) < epochs:
        if rung not in rungs:
            rungs.append(rung)
        exact *= math.sqrt(2)
    return tuple(rungs)

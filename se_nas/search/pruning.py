"""FrontPruner: stops the trials that, at their cost, are least likely to reach the Pareto front.

Asynchronous successive halving on several objectives, after Schmucker et al., "Multi-objective Asynchronous
Successive Halving", arXiv 2106.12639: at a rung, trials are ordered by non-dominated rank and within a rank by an
ε-net (Salinas et al., arXiv 2106.05680, section 3). Here the rank is in (accuracy at the rung, costs known
beforehand), and the stopping variant is used: a trial is judged when it arrives and is never resumed.
"""

import math
from collections.abc import Sequence

import moocore
import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial


class FrontPruner(BasePruner):
    """Lets the better half go on at epochs `first_rung`, 2·`first_rung`, 4·`first_rung`, ... below `epochs`.

    It needs of each trial: the accuracy after each epoch as intermediate value (step = epoch, counted from 1),
    and each of `costs` as user attribute, set before the first rung. All costs are minimised. A trial that lacks
    one is not judged. The first `never_stopped` trials always finish. Nothing is kept here: the study is the state.

    With Optuna alone, where `trial.report` refuses several objectives, the storage takes the values:

    >>> optuna.logging.set_verbosity(optuna.logging.ERROR)
    >>> study = optuna.create_study(directions=["maximize", "minimize"])
    >>> pruner = FrontPruner(costs=["flops"], epochs=4, first_rung=1, never_stopped=1)
    >>> for accuracy, flops in [(0.9, 100), (0.5, 200), (0.6, 50)]:
    ...     trial = study.ask()
    ...     trial.set_user_attr("flops", flops)
    ...     study._storage.set_trial_intermediate_value(trial._trial_id, 1, accuracy)
    ...     stop = pruner.prune(study, study.trials[trial.number])
    ...     if stop:
    ...         _ = study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    ...     print(accuracy, "stopped" if stop else "goes on")
    0.9 goes on
    0.5 stopped
    0.6 goes on
    """

    def __init__(self, *, costs: Sequence[str], epochs: int, first_rung: int = 3, never_stopped: int = 8) -> None:
        if first_rung < 1 or never_stopped < 0 or not costs:
            raise ValueError(
                "first_rung >= 1, never_stopped >= 0 and at least one cost must hold, but got "
                f"first_rung={first_rung}, never_stopped={never_stopped}, costs={list(costs)}"
            )
        self._costs = tuple(costs)
        self._never_stopped = never_stopped
        self.rungs = _rungs(first_rung, epochs)

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether to stop `trial`, judged at its last reported epoch."""
        return self.reason_to_stop(study, trial) is not None

    def reason_to_stop(self, study: optuna.Study, trial: FrozenTrial, epoch: int | None = None) -> str | None:
        """Why to stop `trial` at `epoch` (its last reported one), in a line; None when it goes on."""
        epoch = trial.last_step if epoch is None else epoch
        if trial.number < self._never_stopped or epoch not in self.rungs:
            return None
        own = self._losses(trial, epoch)
        if own is None:
            return None
        rivals = [other for other in study.get_trials(deepcopy=False) if other.number != trial.number]
        rows = [losses for other in rivals if (losses := self._losses(other, epoch)) is not None]
        points = np.array([own, *rows])
        place = _order(points).index(0) + 1
        kept = math.ceil(len(points) / 2)
        if place <= kept:
            return None
        return f"stopped at epoch {epoch}: place {place} of {len(points)} in accuracy and {', '.join(self._costs)}"

    def _losses(self, trial: FrozenTrial, epoch: int) -> tuple[float, ...] | None:
        """(-accuracy at the epoch, log cost, ...); None when one of them is not known or not finite."""
        accuracy = trial.intermediate_values.get(epoch)
        costs = [trial.user_attrs.get(name) for name in self._costs]
        if accuracy is None or not math.isfinite(accuracy) or any(cost is None for cost in costs):
            return None
        return (-accuracy, *(math.log(max(float(cost), 1e-12)) for cost in costs))  # type: ignore[arg-type]


def _rungs(first: int, epochs: int) -> tuple[int, ...]:
    rungs = []
    while first < epochs:
        rungs.append(first)
        first *= 2
    return tuple(rungs)


def _order(points: NDArray[np.float64]) -> list[int]:
    """Indices of (n, m) points to be minimised, best first: by non-dominated rank, within a rank by the ε-net."""
    span = np.ptp(points, axis=0)
    scaled = (points - points.min(axis=0)) / np.where(span > 0, span, 1.0)
    ranks = moocore.pareto_rank(points)
    order: list[int] = []
    for rank in np.unique(ranks):
        members = np.flatnonzero(ranks == rank)
        order += [int(members[index]) for index in epsilon_net(scaled[members])]
    return order


def epsilon_net(points: NDArray[np.float64]) -> list[int]:
    """An order in which each next point is the farthest from all before it, from the first objective's best on.

    >>> epsilon_net(np.array([[0.0, 1.0], [0.1, 0.9], [0.5, 0.5], [1.0, 0.0]]))
    [0, 3, 2, 1]
    """
    chosen = [int(np.lexsort(points.T[::-1])[0])]
    distance = np.linalg.norm(points - points[chosen[0]], axis=1)
    while len(chosen) < len(points):
        distance[chosen] = -1.0
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return chosen

"""FrontPruner: it stops the trials that are least likely to reach the Pareto front at their cost.

Asynchronous successive halving on several objectives, after Schmucker et al., "Multi-objective Asynchronous Successive
Halving", arXiv 2106.12639, in its stopping variant: a trial is judged when it arrives at a rung, and it is never
resumed. There are four departures. Trials are ordered by their accuracy at the rung and the costs that are known
beforehand. A trial that no other trial beats is never stopped. The worse a rung predicts which networks are the best in
the end, the more trials go on from it. A rung is open only if judging there pays. The trials that went further show
both (`estimate_correlation`).
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial, TrialState

from se_nas.searching.curves import Curves
from se_nas.searching.stop.front_order import place
from se_nas.searching.stop.rung_value import Arrivals, CorrelationEstimate, Values, estimate_correlation, forecast

KEPT = (0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
"""The fractions of the trials that may go on from a rung. The smallest fraction is used that a sought network is in
with the probability `SURE`. If there is none, all trials go on."""
SURE = 0.85
"""The least probability with which a rung keeps a sought network (`CorrelationEstimate.passing`)."""
WORTHWHILE = 1.0
"""The least expected gain of an open rung (`CorrelationEstimate.gain`).

At 1, a rung finds as many sought networks in one epoch of training as no rung.
"""
EARLIEST = 0.06
"""The fraction of a full training before which there is no rung. An earlier rung could save only this fraction more."""
ASSUMED_TO_FINISH = 3
"""The number of trials that are assumed to have gone on from a rung to the end, in addition to the trials seen.

At first, no trial has gone on.
"""
MOST_ASKED = 1_000
"""The most trials that are used to estimate the value of a rung."""
ENOUGH = 8
"""The number of trials that must have reached a later epoch before that epoch is used to estimate a rung's value."""


class FrontPruner(BasePruner):
    """Stops a trial at one of `rungs` if three conditions hold.

    - Judging pays at this rung.
    - The trial is not among the best fraction there. The fraction is 40 %, or more if a sought network might else be
      stopped (`SURE`).
    - Another trial at no more cost is more accurate there (or has ended at 100 %), and the trial's forecast is not
      above the accuracy that it has to beat.

    The pruner needs two things of each trial: the accuracy after each epoch, a fraction from 0 to 1, as intermediate
    value (step = epoch, counted from 1), and each of `costs` as user attribute, set before the first rung. All costs
    are minimised. A trial that lacks a value is not judged. The trials numbered 1, 4, 16, ... times `never_stopped`
    always finish, so that the pruner goes on learning; 0 exempts no trial. There may be any number of workers. The
    pruner has no state of its own: the study is the state.

    With Optuna alone, `trial.report` refuses several objectives, so the values go to the storage:

    >>> optuna.logging.set_verbosity(optuna.logging.ERROR)
    >>> storage = optuna.storages.InMemoryStorage()
    >>> study = optuna.create_study(storage=storage, directions=["maximize", "minimize"])
    >>> study_id = storage.get_study_id_from_name(study.study_name)
    >>> pruner = FrontPruner(costs=["flops"], epochs=4)
    >>> for final, flops in [(0.9, 50), (0.8, 40), (0.7, 10), (0.6, 80)]:
    ...     trial = study.ask()
    ...     trial.set_user_attr("flops", flops)
    ...     trial_id = storage.get_trial_id_from_study_id_trial_number(study_id, trial.number)
    ...     for epoch in (1, 2, 3, 4):
    ...         accuracy = final * epoch / 4
    ...         storage.set_trial_intermediate_value(trial_id, epoch, accuracy)
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
        """One line that says why to stop `trial` at `epoch` (default: its last reported epoch); None if it goes on."""
        epoch = trial.last_step if epoch is None else epoch
        if epoch not in self.rungs or self._always_finishes(trial.number):
            return None
        trials = study.get_trials(deepcopy=False)
        lengths = np.array([other.last_step or 0 for other in trials])
        lengths[trial.number] = epoch
        others = [other for other in trials if other.number != trial.number]
        arrived = [one for one in (trial, *others) if self._is_known(one, epoch)]
        if not arrived or arrived[0] is not trial:
            return None
        return self._judgement(
            epoch,
            lengths,
            lambda epoch: np.array([one.intermediate_values.get(epoch, math.nan) for one in arrived], dtype=float),
            costs=np.array([[one.user_attrs[name] for name in self._costs] for one in arrived], dtype=float),
            failed=np.array([one.state is TrialState.FAIL for one in arrived]),
        )

    def judge(self, curves: Curves, number: int, epoch: int) -> str | None:
        """The same as `reason_to_stop` for trial `number`. `curves` contains all trials of a study."""
        if epoch not in self.rungs or self._always_finishes(number):
            return None
        costs = curves.costs(self._costs)
        arrived = np.isfinite(curves.accuracy_at(epoch)) & np.isfinite(costs).all(axis=1)
        if not arrived[number]:
            return None
        lengths = curves.lengths.copy()
        lengths[number] = epoch
        arrived[number] = False
        numbers = np.concatenate([[number], np.flatnonzero(arrived)])
        return self._judgement(
            epoch,
            lengths,
            lambda epoch: curves.accuracy_at(epoch)[numbers],
            costs=costs[numbers],
            failed=curves.failed[numbers],
        )

    def _judgement(
        self,
        epoch: int,
        lengths: NDArray[np.int64],
        accuracy_at: Callable[[int], Values],
        *,
        costs: Values,
        failed: NDArray[np.bool_],
    ) -> str | None:
        """The reason to stop the first of the n trials that have arrived at `epoch`, or None.

        All trials of the study have trained for `lengths` epochs. The arrived trials have the accuracies
        `accuracy_at(epoch)` (n,), NaN if unknown, and the costs `costs` (n, k).

        All three conditions must hold, so their order does not change the result. The place comes before the value of
        the rung, because most trials of a long search pass there.
        """
        log_costs = np.log(np.maximum(costs, 1e-12))
        arrivals = Arrivals(accuracy=accuracy_at(epoch), final=accuracy_at(self._epochs), log_costs=log_costs)
        outlook = self._outlook(arrivals, ~failed)
        if outlook is None:
            return None
        count = len(arrivals.accuracy)
        at_least = math.ceil(KEPT[0] * count)
        own_place = place(np.column_stack([-arrivals.accuracy, arrivals.log_costs]), 0, sought=at_least)
        if own_place is None or own_place <= at_least:
            return None
        later = _later(lengths, epoch)
        belief = _estimate(arrivals, accuracy_at(later) if later > epoch else np.full(count, math.nan))
        kept = next((fraction for fraction in KEPT if belief.passing(fraction) >= SURE), None)
        if kept is None or own_place <= math.ceil(kept * count) or not self._pays(belief, lengths, epoch, count, kept):
            return None
        return f"stopped at epoch {epoch}: place {own_place} of {count}; {outlook}"

    def _pays(
        self, belief: CorrelationEstimate, lengths: NDArray[np.int64], epoch: int, arrived: int, kept: float
    ) -> bool:
        """Whether a rung that keeps the fraction `kept` pays. `arrived` trials reached it; all trials trained for
        `lengths` epochs."""
        beyond = lengths[lengths > epoch] - epoch
        unseen = ASSUMED_TO_FINISH * (self._epochs - epoch)
        gain = belief.gain(
            kept=kept,
            sunk=float(np.minimum(lengths, epoch).sum()) / arrived,
            rest=(float(beyond.sum()) + unseen) / (len(beyond) + ASSUMED_TO_FINISH),
        )
        return gain >= WORTHWHILE

    def _outlook(self, arrivals: Arrivals, in_the_race: NDArray[np.bool_]) -> str | None:
        """The outlook of the first arrival against trials at no more cost, as text; None if it may still beat them.

        `in_the_race` (n,) is False for trials that have failed.
        """
        rivals = (arrivals.log_costs <= arrivals.log_costs[0]).all(axis=1) & in_the_race
        rivals[0] = False
        own, ahead = arrivals.accuracy[0], arrivals.accuracy[rivals].max(initial=-math.inf)
        to_beat = arrivals.final[rivals & arrivals.finished].max(initial=-math.inf)
        if own >= ahead and to_beat < 1.0:  # no trial can beat 100 %
            return None
        at_no_more_cost = f"at no more {' and '.join(self._costs)}"
        if arrivals.finished.sum() < 3:
            return f"{100 * own:.1f} % there against {100 * ahead:.1f} % {at_no_more_cost}"
        expected, margin = forecast(arrivals)
        if (unfinished := rivals & ~arrivals.finished).any():
            to_beat = max(to_beat, expected[np.where(unfinished, arrivals.accuracy, -math.inf).argmax()])
        if expected[0] > to_beat:
            return None
        low, high, to_beat = np.clip([expected[0] - margin[0], expected[0] + margin[0], to_beat], 0.0, 1.0)
        return f"expected final {100 * low:.1f}-{100 * high:.1f} % against {100 * to_beat:.1f} % {at_no_more_cost}"

    def _always_finishes(self, number: int) -> bool:
        """Whether a trial is never stopped, so that the pruner can learn from it: numbers n, 4n, 16n, ..."""
        while number > self._never_stopped and number % 4 == 0:
            number //= 4
        return number == self._never_stopped > 0

    def _is_known(self, trial: FrozenTrial, epoch: int) -> bool:
        """Whether the trial's accuracy after the epoch and all its costs are finite numbers."""
        values = [trial.intermediate_values.get(epoch, math.nan)]
        values += [trial.user_attrs.get(name, math.nan) for name in self._costs]
        return bool(np.isfinite(np.array(values, dtype=float)).all())


def _estimate(arrivals: Arrivals, later: Values) -> CorrelationEstimate:
    """The estimate from at most `MOST_ASKED` evenly spread arrivals. More take longer and do not change it."""
    asked = np.linspace(0, len(later) - 1, min(len(later), MOST_ASKED)).round().astype(int)
    some = Arrivals(accuracy=arrivals.accuracy[asked], final=arrivals.final[asked], log_costs=arrivals.log_costs[asked])
    return estimate_correlation(some, later[asked])


def _later(lengths: NDArray[np.int64], epoch: int) -> int:
    """The last epoch that `ENOUGH` trials have reached; `epoch` if there is no later one."""
    least = min(ENOUGH, len(lengths))
    return max(epoch, int(np.partition(lengths, -least)[-least]))


def _rungs(epochs: int) -> tuple[int, ...]:
    """The rungs: epochs that grow by a factor of √2 (1, 2, 3, 4, 6, 8, 11, 16, 23, ...), without too early ones."""
    rungs, exact = [], 1.0
    while (rung := round(exact)) < epochs:
        if rung not in rungs and rung >= round(EARLIEST * epochs):
            rungs.append(rung)
        exact *= math.sqrt(2)
    return tuple(rungs)

"""The `front` strategy: proposes the network that is expected to push the Pareto front out the farthest.

Costs are exact before training, so only the accuracy is modelled. Candidates are networks drawn from the space and
the neighbours of the front's members; each is costed, and scored by its expected hypervolume improvement, with the
costs' logarithms.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING

import moocore
import numpy as np
from numpy.typing import NDArray

from se_nas.search.candidates import Candidate, Inspection
from se_nas.search.designed_start import DesignedStart
from se_nas.search.improvement import expected_improvement
from se_nas.search.lessons import MOST_LESSONS, History, Lesson
from se_nas.search.objectives import Objectives
from se_nas.search.pareto import ParetoFront
from se_nas.search.records import Proposal, TrialRecord, TrialStatus
from se_nas.search.strategy import ExhaustedError
from se_nas.search.surrogate import Kernel, Surrogate
from se_nas.seeds import derive_seed
from se_nas.space.decisions import Assignment, Categorical, Decision

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

Values = NDArray[np.float64]

BLIND_TRIALS = 10
"""Trials that cover the space (`designed_start`) before the first is proposed by the model."""
FEWEST_TAUGHT = 3
"""Trials whose accuracy is known before the first is proposed by the model."""
DRAWS_A_TRIAL, MOST_DRAWS = 24, 1_000
"""Drawn candidates: so many more with every trial, up to so many in all."""
ENOUGH_ENDED = 0.75
"""The share of all ended trials that a kernel must have been fitted on."""
MOST_COMPARISONS = 100_000
"""The most comparisons of candidates with networks that are learned from or in training, if the latter are more than
`MOST_LESSONS`. With hundreds in training, the next proposals look at the other candidates."""
FAILURES_ANEW = 1_000
"""Up to this number of ended trials, the odds of failure are learned again for each proposal; then rarely."""
BEYOND = 0.1
"""How far the hypervolume's reference lies beyond the dearest network, as a share of the costs' range: else that
network would have nothing to add."""


class FrontStrategy:
    """Expected hypervolume improvement under a Gaussian process, one network at a time.

    Trained networks teach their accuracy; stopped ones what they were expected to reach, with its doubt; failed ones
    that those like them may fail. Those in training count as if they reached what is predicted, so that many workers
    are given different networks.
    """

    def __init__(
        self,
        *,
        decisions: Mapping[str, Decision],
        sample: Callable[[Random], Assignment],
        neighbours: Callable[[Assignment], Iterable[Assignment]],
        inspect: Callable[[Assignment], Inspection | None],
        objectives: Objectives,
        seed: int,
    ) -> None:
        """`inspect` says None of an assignment that breaks a rule or bound."""
        self._decisions, self._objectives, self._seed = dict(decisions), objectives, seed
        self._sample, self._neighbours, self._inspect = sample, neighbours, inspect
        self._history = History()
        self._front = ParetoFront((), objectives)
        self._tried: set[str] = set()
        self._feature_rows = np.empty((0, 0))  # by number; NaN until it is needed
        self._odds: tuple[int, Pipeline] | None = None  # and the number of trials in the fit
        self._drawn: dict[int, Candidate | None] = {}
        self._distinct: tuple[tuple[int, ...], int, dict[str, Candidate]] = ((), 0, {})
        self._start = DesignedStart(
            decisions=decisions,
            costs=objectives.costs,
            draw=self._draw,
            neighbours=neighbours,
            inspected=self._inspected,
            draws=DRAWS_A_TRIAL,
            seed=seed,
        )
        self._near: dict[int, list[Candidate]] = {}
        self._kernels: dict[str, tuple[int, Kernel]] = {}  # with the number of trials that each was fitted on
        self._proposals: Iterator[Assignment] | None = None

    def ask(self) -> Proposal:
        """The best candidate by now; asked again before a `tell`, the next best."""
        if self._proposals is None:
            self._proposals = self._propose()
        for assignment in self._proposals:
            return Proposal(assignment=assignment)
        raise ExhaustedError("no candidate is left")

    def tell(self, record: TrialRecord) -> None:
        """Remember the record, and think anew at the next `ask`."""
        before = self._history.records.get(record.number)
        self._history.tell(record)
        if before is not None and (before.fingerprint != record.fingerprint or before.accuracy is not None):
            self._feature_rows[record.number : record.number + 1] = math.nan
            self._front = ParetoFront.of(self._history.records.values(), self._objectives)
            self._tried = {one.fingerprint for one in self._history.records.values()}
        else:
            self._front = self._front.joined_by(record)
            self._tried.add(record.fingerprint)
        self._proposals = None

    def _propose(self) -> Iterator[Assignment]:
        """Assignments, best first."""
        records = self._history.records
        taught = self._history.telling_lessons(self._objectives)
        if len(records) < BLIND_TRIALS or len(taught) < FEWEST_TAUGHT:
            yield from self._start.propose([records[number] for number in sorted(records)])
            rng = Random(derive_seed(self._seed, "start", len(records)))
            while True:
                yield self._sample(rng)
        candidates = self._looked_at(self._candidates(), len(taught))
        if candidates:
            scores = self._scores(candidates, taught)
            for index in np.argsort(-scores, kind="stable"):
                yield candidates[index].assignment

    def _draw(self, number: int) -> Candidate | None:
        """The drawn candidate of this number; None if it breaks a rule or a bound."""
        if number not in self._drawn:
            drawn = self._inspected([self._sample(Random(derive_seed(self._seed, "candidate", number)))])
            self._drawn[number] = drawn[0] if drawn else None
        return self._drawn[number]

    def _draws_so_far(self, wanted: int) -> list[Candidate]:
        """The first draws: a few more with every trial, so that no single proposal waits for many."""
        return [candidate for number in range(wanted) if (candidate := self._draw(number)) is not None]

    def _candidates(self) -> list[Candidate]:
        """Drawn networks and neighbours of the front, each once and none that was tried."""
        for member in self._front.members:
            if member.number not in self._near:
                self._near[member.number] = self._inspected(self._neighbours(member.assignment))
        members = tuple(member.number for member in self._front.members)
        wanted = min(MOST_DRAWS, DRAWS_A_TRIAL * len(self._history.records))
        if self._distinct[:2] != (members, wanted):
            near = [candidate for number in members for candidate in self._near[number]]
            distinct = {one.inspection.fingerprint: one for one in [*near, *self._draws_so_far(wanted)]}
            self._distinct = members, wanted, distinct
        return [one for fingerprint, one in self._distinct[2].items() if fingerprint not in self._tried]

    def _looked_at(self, candidates: list[Candidate], taught: int) -> list[Candidate]:
        """All candidates, or a drawn part of them if scoring all would take too long."""
        learned_from = taught + len(self._history.running)
        most = MOST_COMPARISONS // learned_from
        if learned_from <= MOST_LESSONS or len(candidates) <= most:
            return candidates
        rng = Random(derive_seed(self._seed, "looked at", len(self._history.records)))
        return [candidates[index] for index in sorted(rng.sample(range(len(candidates)), most))]

    def _inspected(self, assignments: Iterable[Assignment]) -> list[Candidate]:
        inspected = ((assignment, self._inspect(assignment)) for assignment in assignments)
        return [
            Candidate(assignment, seen, self._features(assignment, seen.cost))
            for assignment, seen in inspected
            if seen is not None
        ]

    def _scores(self, candidates: list[Candidate], taught: list[Lesson]) -> Values:
        """The expected hypervolume improvement of each candidate (n,)."""
        accuracy = self._surrogate("accuracy", taught)
        features = np.array([candidate.features for candidate in candidates])
        costs = self._log_costs([candidate.inspection.cost for candidate in candidates], features, taught)
        front = np.array([member.values(self._objectives.names) for member in self._front.members])
        front_accuracy, front_costs = front[:, 0], np.log(np.maximum(front[:, 1:], 1e-12))
        every_cost = np.vstack([costs, front_costs])
        if running := self._history.running:
            in_training = self._features_of(running)
            counted = [{name: value for name, value in record.cost.items() if name != "latency"} for record in running]
            front_accuracy = np.append(front_accuracy, accuracy.expect(in_training))
            front_costs = np.vstack([front_costs, self._log_costs(counted, in_training, taught)])
            every_cost = np.vstack([costs, front_costs])
            accuracy = accuracy.believing(in_training)
            if len(running) + len(taught) > MOST_LESSONS:  # dominated ones only cost time
                kept = moocore.is_nondominated(np.column_stack([-front_accuracy, front_costs]))
                front_accuracy, front_costs = front_accuracy[kept], front_costs[kept]
        mean, deviation = accuracy.predict(features)
        span = np.ptp(every_cost, axis=0)
        return self._odds_to_be_trained(features) * expected_improvement(
            mean,
            deviation,
            costs,
            front_accuracy=front_accuracy,
            front_costs=front_costs,
            reference=np.array(
                [
                    min(lesson.accuracy for lesson in taught),
                    *(every_cost.max(axis=0) + np.where(span > 1e-9, BEYOND * span, 1.0)),
                ]
            ),
        )

    def _odds_to_be_trained(self, features: Values) -> Values:
        """(n,) probability not to fail, out of memory for one, by a logistic regression on the ended trials.

        Below a half it is none: far enough out, no odds are so small that the promise would not outweigh them.
        """
        failed = self._history.numbers(TrialStatus.FAILED)
        if not len(failed):
            return np.ones(len(features))
        ended = self._history.numbers(TrialStatus.COMPLETE, TrialStatus.PRUNED, TrialStatus.FAILED)
        first = self._history.first_ended()
        enough = len(first) >= ENOUGH_ENDED * len(ended) and np.isin(failed, first).any()
        if len(ended) <= FAILURES_ANEW or not enough:
            model = self._fitted_odds(ended, failed)
        else:
            if self._odds is None or self._odds[0] != len(first):
                self._odds = len(first), self._fitted_odds(first, failed)
            model = self._odds[1]
        odds = model.predict_proba(features)[:, 1]
        return np.where(odds >= 0.5, odds, 0.0)

    def _fitted_odds(self, numbers: NDArray[np.int64], failed: NDArray[np.int64]) -> "Pipeline":
        from sklearn.linear_model import LogisticRegression  # as in `surrogate`
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        features = self._features_of(self._history.records[number] for number in numbers.tolist())
        return make_pipeline(StandardScaler(), LogisticRegression()).fit(features, ~np.isin(numbers, failed))

    def _log_costs(self, counted: Sequence[Mapping[str, float]], features: Values, taught: list[Lesson]) -> Values:
        """(n, k): exact where a cost is counted; latency, which only a device can tell, as learned from the trials."""
        columns: list[Values] = []
        for name in self._objectives.costs:
            if all(name in costs for costs in counted):
                columns.append(np.log(np.maximum([costs[name] for costs in counted], 1e-12)))
            else:
                columns.append(self._surrogate(name, taught).expect(features))
        return np.column_stack(columns)

    def _surrogate(self, name: str, taught: list[Lesson]) -> Surrogate:
        """Of the accuracy, or of a cost's logarithm. Its kernel is fitted on the first trials, and rarely anew; on all
        of them where too many have ended after one that is still in training."""
        first = self._history.first_ended()
        running = len(self._history.numbers(TrialStatus.RUNNING))
        if len(first) < ENOUGH_ENDED * (len(self._history.records) - running):
            return self._learned(name, taught)
        if self._kernels.get(name, (0, None))[0] != len(first):
            lessons = self._history.telling_lessons(self._objectives, first)
            if len(lessons) < 3:
                return self._learned(name, taught)
            self._kernels[name] = len(first), self._learned(name, lessons).kernel
        return self._learned(name, taught, self._kernels[name][1])

    def _learned(self, name: str, taught: list[Lesson], kernel: Kernel | None = None) -> Surrogate:
        features = self._features_of(lesson.record for lesson in taught)
        if name == "accuracy":
            values, doubt = np.array([(lesson.accuracy, lesson.doubt) for lesson in taught]).T
            return Surrogate(features, values, doubt, kernel=kernel)
        costs = np.log([max(lesson.record.cost[name], 1e-12) for lesson in taught])
        return Surrogate(features, costs, np.zeros(len(costs)), kernel=kernel, outliers=False)

    def _features_of(self, records: Iterable[TrialRecord]) -> Values:
        """(n, d); those of a trial are worked out once."""
        chosen = list(records)
        numbers = np.array([record.number for record in chosen])
        if (more := int(numbers.max()) + 1 - len(self._feature_rows)) > 0:
            width = len(self._features(chosen[0].assignment, chosen[0].cost))
            rows = np.full((len(self._feature_rows) + max(more, len(self._feature_rows), 16), width), math.nan)
            if len(self._feature_rows):
                rows[: len(self._feature_rows)] = self._feature_rows
            self._feature_rows = rows
        for index in np.flatnonzero(np.isnan(self._feature_rows[numbers, 0])).tolist():
            record = chosen[index]
            self._feature_rows[record.number] = self._features(record.assignment, record.cost)
        found: Values = self._feature_rows[numbers]
        return found

    def _features(self, assignment: Assignment, cost: Mapping[str, float]) -> Values:
        """(d,): each decision's value, its choices side by side where they have no order; and the counted costs."""
        features: list[float] = []
        for name, decision in self._decisions.items():
            value = assignment[name]
            if isinstance(decision, Categorical) and any(isinstance(choice, str) for choice in decision.choices):
                features += [float(value == choice) for choice in decision.choices]
            else:
                features.append(float(value))
        features += [math.log(max(value, 1e-12)) for name, value in sorted(cost.items()) if name != "latency"]
        return np.array(features)

"""The `front` strategy: it proposes the network with the largest expected improvement of the Pareto front.

Costs that are counted, or come from a table, are exact before training, so the model predicts the normal score of the
accuracy, and costs that trials measure if there are any. The candidates are networks drawn from the space, and
neighbours of the front's members. The score of a candidate is the accuracy that it is expected to add within a budget
of cost, averaged over budgets. A trained network counts with the accuracy that the model expects of it, since a single
training may have been lucky.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from random import Random

import moocore
import numpy as np

from se_nas.costs import known_before_training
from se_nas.searching.candidates import Candidate, Inspection, Values
from se_nas.searching.normal_scores import normal_scores
from se_nas.searching.objectives import Objectives
from se_nas.searching.observations import History, Observation
from se_nas.searching.pareto import ParetoFront
from se_nas.searching.propose.candidate_pool import DRAWS_A_TRIAL, CandidatePool
from se_nas.searching.propose.cost_budgets import budget_positions
from se_nas.searching.propose.designed_start import DesignedStart
from se_nas.searching.propose.improvement import expected_improvement
from se_nas.searching.propose.strategy import ExhaustedError
from se_nas.searching.records import Proposal, TrialRecord
from se_nas.searching.surrogate.failure_odds import FailureOdds
from se_nas.searching.surrogate.features import FeatureRows
from se_nas.searching.surrogate.prior_mean import NO_PRIOR, Prior, PriorMean
from se_nas.searching.surrogate.rare_fits import RareFits
from se_nas.searching.surrogate.trial_models import TrialModels
from se_nas.seeds import derive_seed
from se_nas.space.decisions import Assignment, Decision

BLIND_TRIALS = 10
"""The number of trials that cover the space (`designed_start`) before the model proposes its first network."""
FEWEST_TAUGHT = 3
"""The fewest trials with a known accuracy from which the model proposes a network."""
BEYOND = 0.2
"""The weight of the best network at any cost. All budgets together (`cost_budgets`) have the weight 1."""


class FrontStrategy:
    """Expected hypervolume improvement under a Gaussian process, one network at a time.

    A complete trial gives its accuracy, a pruned trial its forecast with its uncertainty, and a failed trial shows that
    similar networks may fail. A network in training counts as if it had reached its predicted accuracy, so that many
    workers get different networks.
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
        prior: Prior | None = None,
    ) -> None:
        """Take the parts of the space. `inspect` returns None for an assignment that breaks a rule or bound.

        `prior` gives scores from which the model predicts accuracy before it learns from trials.
        """
        self._objectives, self._seed, self._sample, self._prior = objectives, seed, sample, prior
        self._measures = bool(objectives.measured)
        self._history = History()
        self._front = ParetoFront((), objectives)
        self._tried: set[str] = set()
        self._rows = FeatureRows(decisions)
        self._fits = RareFits()
        self._models = TrialModels(self._history, self._rows, self._fits, objectives)
        self._odds = FailureOdds(self._history, self._rows, self._fits)
        self._pool = CandidatePool(
            decisions=decisions, sample=sample, neighbours=neighbours, inspect=inspect, seed=seed
        )
        self._start = DesignedStart(
            decisions=decisions,
            costs=objectives.costs,
            draw=self._pool.draw,
            neighbours=neighbours,
            inspected=self._pool.inspected,
            draws=DRAWS_A_TRIAL,
            seed=seed,
        )
        self._proposals: Iterator[Assignment] | None = None

    def ask(self) -> Proposal:
        """The best candidate now. If it is called again before a `tell`, the next best candidate."""
        if self._proposals is None:
            self._proposals = self._propose()
        for assignment in self._proposals:
            return self._fits.proposal(assignment)
        raise ExhaustedError("no candidate is left")

    def tell(self, record: TrialRecord) -> None:
        """Remember the record. The next `ask` computes new proposals."""
        before = self._history.records.get(record.number)
        self._history.tell(record)
        self._fits.recall(record)
        if before is not None and (before.fingerprint != record.fingerprint or before.accuracy is not None):
            self._rows.forget(record.number)
            self._front = ParetoFront.of(self._history.records.values(), self._objectives)
            self._tried = {one.fingerprint for one in self._history.records.values()}
        else:
            self._front = self._front.joined_by(record)
            self._tried.add(record.fingerprint)
        self._proposals = None

    def _propose(self) -> Iterator[Assignment]:
        """Yield assignments, the best first."""
        records = self._history.records
        taught = self._history.informative_observations(self._objectives)
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

    def _known(self, record: TrialRecord) -> Mapping[str, float]:
        return known_before_training(record.cost, tabled=self._objectives.tabled)

    def _candidates(self) -> list[Candidate]:
        return self._pool.untried(self._front.members, len(self._history.records), self._tried)

    def _looked_at(self, candidates: list[Candidate], taught: int) -> list[Candidate]:
        compared_with = taught + len(self._history.running)
        return self._pool.looked_at(candidates, compared_with=compared_with, trials=len(self._history.records))

    def _scores(self, candidates: list[Candidate], taught: list[Observation]) -> Values:
        """The expected gain of each candidate (n,): the growth of the hypervolume of normal scores over budgets."""
        prior = self._prior_mean(taught)
        accuracy = self._models.surrogate("accuracy", taught, prior)
        features = np.array([candidate.features for candidate in candidates])
        trained = [
            observation.record for observation in taught if observation.record.accuracy is not None
        ] or self._front.members
        running, drawn = self._history.running, self._pool.drawn(BLIND_TRIALS)
        rivals = self._rows.of([*trained, *running])
        believer = accuracy.believing(rivals[len(trained) :]) if running else None
        rival_accuracy = accuracy.expect(rivals[: len(trained)]) + prior.of([one.fingerprint for one in trained])
        if believer is not None:
            believed = believer.means + prior.of([one.fingerprint for one in running])
            rival_accuracy = np.append(rival_accuracy, believed)
        untrained = self._models.log_costs(
            [
                *(self._known(record) if self._measures else record.cost for record in running),
                *(candidate.inspection.cost for candidate in [*candidates, *drawn]),
            ],
            np.vstack([rivals[len(trained) :], features, *(candidate.features for candidate in drawn)]),
            taught,
        )
        log_costs = np.vstack(
            [self._models.log_costs([record.cost for record in trained], rivals[: len(trained)], taught), untrained]
        )
        known = len(rivals) + len(candidates)
        positions = budget_positions(log_costs[:known], log_costs[known:])
        rival_costs, costs = positions[: len(rivals)], positions[len(rivals) :]
        front = moocore.is_nondominated(np.column_stack([-rival_accuracy, rival_costs]))
        mean, deviation = (believer or accuracy).predict(features)
        mean = mean + prior.of([candidate.inspection.fingerprint for candidate in candidates])
        return self._odds.success_probability(features) * expected_improvement(
            mean,
            deviation,
            costs,
            front_accuracy=rival_accuracy[front],
            front_costs=rival_costs[front],
            reference=np.array(
                [
                    min(accuracy.least, *rival_accuracy) if prior.means else accuracy.least,
                    *(positions.max(axis=0) + BEYOND),
                ]
            ),
        )

    def _prior_mean(self, taught: list[Observation]) -> PriorMean:
        """The prior mean of the normal scores; 0 if there are no scores that can be trusted."""
        scores = {} if self._prior is None else self._prior([*self._history.records.values()])
        if not scores:
            return NO_PRIOR
        values = normal_scores(np.array([observation.accuracy for observation in taught]))
        return PriorMean.fitted(scores, [observation.record.fingerprint for observation in taught], values)

"""SupernetAccount: what a supernet says of each placement, beside what networks reached that were trained alone."""

from collections.abc import Mapping
from dataclasses import dataclass

from se_nas.analysis.ranking_trust import Trust
from se_nas.analysis.supernet_scores import ScoredPlacement, SupernetScores
from se_nas.objective_metric import ObjectiveMetric

MOST_BEST, MOST_ALONE = 24, 8
"""The numbers of placements that are shown if there are many: the best by the supernet, and the best trained alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupernetAccount:
    """The scores of a supernet, and how far they can be trusted.

    `file` is the name of its file, and `metric` is what all accuracies are. `epochs` and `seconds` (of the training and
    of the reading) say how it was made, as far as they are known. `alone` are the accuracies of networks that were
    trained alone, by fingerprint, `source` says where they are from, and `trials` are the numbers of complete trials by
    fingerprint. `trust` is None for too few networks.

    `is_start`: the scores choose some of the first trials of the search. `is_prior`: they may be its prior.
    `prior_trust` is the trust from its trials alone, which decides that; None for too few trials.
    """

    file: str
    metric: ObjectiveMetric
    epochs: int | None
    seconds: Mapping[str, float]
    scores: SupernetScores
    alone: Mapping[str, float]
    source: str
    trials: Mapping[str, int]
    trust: Trust | None
    is_start: bool
    is_prior: bool
    prior_trust: Trust | None

    @property
    def is_prior_used(self) -> bool:
        """Whether the search uses the scores, with the trials that are complete now."""
        return self.is_prior and self.prior_trust is not None and self.prior_trust.is_earned

    @property
    def ranks(self) -> Mapping[str, int]:
        """The rank of each placement that was read, from 1, by fingerprint."""
        return {each.fingerprint: rank for rank, each in enumerate(self.scores.best, start=1)}

    @property
    def ranks_alone(self) -> Mapping[str, int]:
        """The rank of each placement among those that were read and trained alone, from 1, by fingerprint."""
        return {each.fingerprint: rank for rank, each in enumerate(self._best_alone, start=1)}

    @property
    def shown(self) -> list[ScoredPlacement]:
        """The placements to show, the best by the supernet first: all of them if they are few.

        If they are many: the best by the supernet, the best trained alone, SE nowhere and SE everywhere.
        """
        ranked = self.scores.best
        if len(ranked) <= MOST_BEST + MOST_ALONE:
            return ranked
        ends = (tuple(0 for _ in self.scores.options), tuple(len(options) - 1 for options in self.scores.options))
        kept = {each.fingerprint for each in (*ranked[:MOST_BEST], *self._best_alone[:MOST_ALONE])}
        return [each for each in ranked if each.fingerprint in kept or each.options in ends]

    @property
    def trials_shown(self) -> list[int]:
        """The trials of the placements to show."""
        return [self.trials[each.fingerprint] for each in self.shown if each.fingerprint in self.trials]

    @property
    def _best_alone(self) -> list[ScoredPlacement]:
        known = [each for each in self.scores.placements if each.fingerprint in self.alone]
        return sorted(known, key=lambda each: -self.alone[each.fingerprint])

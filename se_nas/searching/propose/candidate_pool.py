"""The candidate pool: networks drawn from the space and the neighbours of the front's members, each with its costs."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from random import Random

from se_nas.searching.candidates import Candidate, Inspection
from se_nas.searching.observations import MOST_OBSERVATIONS
from se_nas.searching.records import TrialRecord
from se_nas.searching.surrogate.features import features_of
from se_nas.seeds import derive_seed
from se_nas.space.decisions import Assignment, Decision

DRAWS_A_TRIAL, MOST_DRAWN = 24, 1_000
"""The number of candidates that are drawn for each trial, and the most that are kept.

After the first thousand, about two are drawn for each trial, and they replace the oldest. So in a search of any length,
some candidates have not been tried.
"""
MOST_COMPARISONS = 100_000
"""The most comparisons of candidates with other networks, which are observed or in training.

It applies if these networks are more than `MOST_OBSERVATIONS`. Then a proposal compares only a part of the candidates,
and the next proposals compare other parts.
"""


class CandidatePool:
    """The networks that may be proposed. They depend on the seed, the number of trials and the front."""

    def __init__(
        self,
        *,
        decisions: Mapping[str, Decision],
        sample: Callable[[Random], Assignment],
        neighbours: Callable[[Assignment], Iterable[Assignment]],
        inspect: Callable[[Assignment], Inspection | None],
        seed: int,
    ) -> None:
        """Take the parts of the space. `inspect` returns None for an assignment that breaks a rule or bound."""
        self._decisions, self._seed = dict(decisions), seed
        self._sample, self._neighbours, self._inspect = sample, neighbours, inspect
        self._drawn: dict[int, Candidate | None] = {}
        self._near: dict[int, list[Candidate]] = {}
        self._distinct: tuple[tuple[int, ...], range, dict[str, Candidate]] = ((), range(0), {})

    def draw(self, number: int) -> Candidate | None:
        """The drawn candidate of this number; None if it breaks a rule or a bound."""
        if number not in self._drawn:
            drawn = self.inspected([self._sample(Random(derive_seed(self._seed, "candidate", number)))])
            self._drawn[number] = drawn[0] if drawn else None
        return self._drawn[number]

    def inspected(self, assignments: Iterable[Assignment]) -> list[Candidate]:
        """The candidates of the assignments that keep all rules and bounds."""
        inspected = ((assignment, self._inspect(assignment)) for assignment in assignments)
        return [
            Candidate(assignment, seen, features_of(self._decisions, assignment, seen.cost))
            for assignment, seen in inspected
            if seen is not None
        ]

    def drawn(self, trials: int) -> list[Candidate]:
        """The drawn networks that are kept by now. Each trial adds a few, so that no proposal waits for many."""
        return [candidate for number in _kept(trials) if (candidate := self.draw(number)) is not None]

    def untried(self, front: Sequence[TrialRecord], trials: int, tried: Collection[str]) -> list[Candidate]:
        """The neighbours of the front and the networks drawn by now, each once and none whose fingerprint was tried."""
        for member in front:
            if member.number not in self._near:
                self._near[member.number] = self.inspected(self._neighbours(member.assignment))
        members, kept = tuple(member.number for member in front), _kept(trials)
        if self._distinct[:2] != (members, kept):
            near = [candidate for number in members for candidate in self._near[number]]
            distinct = {one.inspection.fingerprint: one for one in [*near, *self.drawn(trials)]}
            self._distinct = members, kept, distinct
            for number in [number for number in self._drawn if MOST_DRAWN <= number < kept.start]:
                del self._drawn[number]  # the memory of a long search is bounded
        return [one for fingerprint, one in self._distinct[2].items() if fingerprint not in tried]

    def looked_at(self, candidates: list[Candidate], *, compared_with: int, trials: int) -> list[Candidate]:
        """All candidates, or a random part of them if comparing all would take too long.

        The part depends on the number of trials.
        """
        most = MOST_COMPARISONS // max(1, compared_with)
        if compared_with <= MOST_OBSERVATIONS or len(candidates) <= most:
            return candidates
        rng = Random(derive_seed(self._seed, "looked at", trials))
        return [candidates[index] for index in sorted(rng.sample(range(len(candidates)), most))]


def _kept(trials: int) -> range:
    """The numbers of the draws that are kept. After the first thousand, 48 draws replace the oldest every 24 trials."""
    end = min(DRAWS_A_TRIAL * trials, MOST_DRAWN + trials // DRAWS_A_TRIAL * 2 * DRAWS_A_TRIAL)
    return range(max(0, end - MOST_DRAWN), end)

"""The `evolution` strategy: aging evolution as in AmoebaNet, with a tournament by dominance. The front never dies.

Real et al., "Regularized Evolution for Image Classifier Architecture Search", arXiv 1802.01548, algorithm 1. Its oldest
networks die, whatever their accuracy. Two things differ, because a search has several objectives and fewer trials: the
best of a sample is a network that no other of the sample dominates, and the Pareto front never dies.
"""

from collections.abc import Callable, Iterable
from random import Random

import moocore

from se_nas.searching.objectives import Objectives
from se_nas.searching.pareto import ParetoFront, losses_of
from se_nas.searching.propose.strategy import ExhaustedError
from se_nas.searching.records import Proposal, TrialRecord, TrialStatus
from se_nas.seeds import derive_seed
from se_nas.space.decisions import Assignment

LEAST_POPULATION, MOST_POPULATION = 16, 100
"""The paper has 100 networks, for 20,000 trials."""
TRIALS_A_MEMBER = 8
"""The population grows by one network for so many trials, so that a search of 200 trials has 24."""


def population_size(trials: int) -> int:
    """The number of living networks after this many trials.

    It follows the trials so far and not the budget, so that a search which is resumed with a larger budget goes on as
    if it had begun with it.

    >>> [population_size(trials) for trials in (0, 128, 200, 20_000)]
    [16, 16, 25, 100]
    """
    return min(MOST_POPULATION, max(LEAST_POPULATION, trials // TRIALS_A_MEMBER))


class Evolution:
    """Changes one decision of a network that won a tournament. The first networks are drawn from the space."""

    def __init__(
        self,
        *,
        sample: Callable[[Random], Assignment],
        neighbours: Callable[[Assignment], Iterable[Assignment]],
        objectives: Objectives,
        seed: int,
    ) -> None:
        self._sample, self._neighbours = sample, neighbours
        self._objectives, self._seed = objectives, seed
        self._records: dict[int, TrialRecord] = {}
        self._asked = 0

    def ask(self) -> Proposal:
        """A child of a living network, or a drawn network while fewer are alive than the population has."""
        random = Random(derive_seed(self._seed, "evolve", len(self._records), self._asked))
        self._asked += 1
        complete = [record for _, record in sorted(self._records.items()) if record.status is TrialStatus.COMPLETE]
        size = population_size(len(self._records))
        if len(complete) < LEAST_POPULATION // 2 or len(self._records) < LEAST_POPULATION:
            return Proposal(assignment=self._sample(random))
        parent = self._winner(complete, size, random)
        children = list(self._neighbours(parent.assignment))
        if not children:
            raise ExhaustedError(f"trial {parent.number} has no neighbour in the space")
        return Proposal(assignment=random.choice(children), memo={"parent": parent.number})

    def tell(self, record: TrialRecord) -> None:
        """Remember the record."""
        self._records[record.number] = record
        self._asked = 0

    def _winner(self, complete: list[TrialRecord], size: int, random: Random) -> TrialRecord:
        """The winner of a tournament among a quarter of the youngest networks and of the front."""
        youngest = {record.number: record for record in complete[-size:]}
        living = youngest | {member.number: member for member in ParetoFront.of(complete, self._objectives).members}
        entrants = random.sample([living[number] for number in sorted(living)], k=min(len(living), size // 4))
        kept = moocore.is_nondominated(losses_of(entrants, self._objectives, {}))
        return random.choice([record for record, is_kept in zip(entrants, kept, strict=True) if is_kept])

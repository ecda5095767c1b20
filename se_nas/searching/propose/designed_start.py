"""The designed start: networks that cover a space before any accuracy is known, for any number of parallel trials.

Independent draws crowd at middle costs and leave the ends of the front to chance. Here, each proposal has a target
cost. The logarithms of the targets follow the golden ratio's additive sequence over their range, and every prefix of
that sequence is spread evenly (Schretter, Kobbelt and Dehaye, "Golden ratio sequences for low-discrepancy sampling",
2012). Among the networks near the target, the design chooses the network that differs most from all earlier proposals
(Johnson, Moore and Ylvisaker, "Minimax and maximin distance designs", 1990). Steps from the cheapest and from the most
expensive known network explore the range itself.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from random import Random

import numpy as np
from scipy.spatial.distance import cdist

from se_nas.searching.candidates import Candidate, Values
from se_nas.searching.records import TrialRecord
from se_nas.seeds import derive_seed
from se_nas.space.decisions import Assignment, Categorical, Decision

GOLDEN_RATIO = (1 + math.sqrt(5)) / 2
NEAREST_IN_COST = 8
"""The number of networks near the target cost from which the most different one is chosen."""


class DesignedStart:
    """Proposes networks before any accuracy is known. Proposals depend on the seed and on earlier proposals.

    `draw` returns the drawn candidate of a number, or None if it breaks a rule. `inspected` returns the valid
    candidates of some assignments. A proposal makes `draws` draws, and inspects the neighbours of two networks for each
    cost.
    """

    def __init__(
        self,
        *,
        decisions: Mapping[str, Decision],
        costs: Sequence[str],
        draw: Callable[[int], Candidate | None],
        neighbours: Callable[[Assignment], Iterable[Assignment]],
        inspected: Callable[[Iterable[Assignment]], list[Candidate]],
        draws: int,
        seed: int,
    ) -> None:
        """Start without known networks. `costs` are names of objectives; a cost that must be measured is skipped."""
        self._decisions, self._costs = dict(decisions), tuple(costs)
        self._draw, self._neighbours, self._inspected, self._draws = draw, neighbours, inspected, draws
        self._offset = Random(derive_seed(seed, "start")).random()
        self._known: dict[str, Candidate] = {}  # by fingerprint
        self._log_costs: dict[str, list[float]] = {}  # by name, in the order of the known candidates
        self._explored: set[str] = set()
        self._steps = 0

    def propose(self, records: Sequence[TrialRecord]) -> Iterator[Assignment]:
        """Yield each untried network once, the best choice after these trials first."""
        self._explore(len(records))
        tried = {record.fingerprint for record in records}
        untried = np.array([fingerprint not in tried for fingerprint in self._known], dtype=bool)
        if not untried.any():
            return
        candidates, logs = list(self._known.values()), np.array(self._log_costs[self._cost_in_turn(len(records))])
        wanted = logs.min() + np.ptp(logs) * self._share(len(records))
        by_cost = np.flatnonzero(untried)[np.argsort(np.abs(logs[untried] - wanted), kind="stable")]
        near = [candidates[index] for index in by_cost[:NEAREST_IN_COST]]
        if records:
            taken = np.array([self._place(record.assignment) for record in records])
            distance = cdist([self._place(candidate.assignment) for candidate in near], taken, "cityblock").min(axis=1)
            near = [near[index] for index in np.argsort(-distance, kind="stable")]
        yield from (candidate.assignment for candidate in near)
        yield from (candidates[index].assignment for index in by_cost[NEAREST_IN_COST:])

    def _explore(self, trials: int) -> None:
        """Draw the networks that belong to this number of trials, in the same order with and without a restart."""
        for step in range(self._steps, trials + 1):
            drawn = (self._draw(step * self._draws + number) for number in range(self._draws))
            self._learn(candidate for candidate in drawn if candidate is not None)
            for cost in self._counted():
                candidates, logs = list(self._known.values()), np.array(self._log_costs[cost])
                for end in (candidates[int(logs.argmin())], candidates[int(logs.argmax())]):
                    if end.inspection.fingerprint not in self._explored:
                        self._explored.add(end.inspection.fingerprint)
                        self._learn(self._inspected(self._neighbours(end.assignment)))
        self._steps = max(self._steps, trials + 1)

    def _learn(self, candidates: Iterable[Candidate]) -> None:
        for candidate in candidates:
            if candidate.inspection.fingerprint not in self._known:
                self._known[candidate.inspection.fingerprint] = candidate
                for name, value in candidate.inspection.cost.items():
                    self._log_costs.setdefault(name, []).append(math.log(max(value, 1e-12)))

    def _counted(self) -> list[str]:
        """The objectives' costs that are counted before training; if there are none, all counted costs."""
        return [name for name in self._costs if name in self._log_costs] or sorted(self._log_costs)

    def _cost_in_turn(self, trial: int) -> str:
        counted = self._counted()
        return counted[trial % len(counted)]

    def _share(self, trial: int) -> float:
        """The target of a trial in the range of its cost, from 0 to 1."""
        return (self._offset + (trial // len(self._counted())) * (GOLDEN_RATIO - 1)) % 1

    def _place(self, assignment: Assignment) -> Values:
        """The point (p,) of an assignment: numbers are scaled to 0 to 1, and two different choices differ by 1."""
        place: list[float] = []
        for name, decision in self._decisions.items():
            value = assignment[name]
            if isinstance(decision, Categorical):
                place += [0.5 * (value == choice) for choice in decision.choices]
            else:
                place.append((float(value) - decision.low) / max(decision.high - decision.low, 1))
        return np.array(place)

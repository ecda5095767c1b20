"""The plan of a confirmation: equal seeds for all networks, then more seeds for those in doubt."""

from collections.abc import Collection, Mapping

from se_nas.analysis.confirmation import Measured, in_doubt
from se_nas.commands.replications.plan import EverySeed, Key, Outcomes, accuracies_of


class ConfirmationPlan:
    """The plan of a confirmation: `seeds` for every network, then more seeds, up to `most`, for networks in doubt."""

    def __init__(self, costs: Mapping[str, tuple[float, ...]], *, seeds: int, most: int) -> None:
        """`costs` are the costs of each network, by name."""
        self._costs, self._most = costs, most
        self._at_first = EverySeed(tuple(costs), seeds)
        self._doubtful: tuple[int, list[str]] = (-1, [])

    @property
    def least(self) -> list[Key]:
        """The first seeds of every network."""
        return self._at_first.least

    def __call__(self, outcomes: Outcomes, under_way: Collection[Key]) -> Key | None:
        """The next training."""
        if (key := self._at_first(outcomes, under_way)) is not None:
            return key
        if any(seed < self._at_first.seeds for _, seed in under_way):
            return None
        busy = {name for name, _ in under_way}
        for name in self._in_doubt(outcomes):
            tried = [seed for other, seed in outcomes if other == name]
            if name not in busy and len(tried) < self._most:
                return name, max(tried) + 1
        return None

    def _in_doubt(self, outcomes: Outcomes) -> list[str]:
        """The networks in doubt. They are computed once per outcome, because a plan is called many times a second."""
        if self._doubtful[0] != len(outcomes):
            accuracies = {name: tuple(accuracies_of(outcomes, name).values()) for name in self._costs}
            trained = [name for name, own in accuracies.items() if own]
            networks = [Measured(costs=self._costs[name], accuracies=accuracies[name]) for name in trained]
            doubtful = in_doubt(networks, most_seeds=self._most) if networks else []
            self._doubtful = len(outcomes), [trained[index] for index in doubtful]
        return self._doubtful[1]

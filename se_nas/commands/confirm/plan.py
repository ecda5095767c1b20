"""The plan of a confirmation: equal seeds for all networks, then more seeds where they tell most about the front."""

from collections.abc import Collection, Mapping

from se_nas.analysis.front_belief import Measured
from se_nas.analysis.networks_to_confirm import worth_a_seed
from se_nas.commands.replications.plan import EverySeed, Key, Outcomes, accuracies_of


class ConfirmationPlan:
    """The plan of a confirmation: `seeds` for every network, then more seeds, up to `most` for a network.

    These go to the network whose next seed tells most about memberships in doubt, until no seed is worth its training.
    """

    def __init__(
        self,
        costs: Mapping[str, tuple[float, ...]],
        *,
        seeds: int,
        most: int,
        predicted: Mapping[str, float] | None = None,
    ) -> None:
        """`costs` are the costs of each network, by name; `predicted` are the accuracies that the search expected."""
        self._costs, self._most, self._predicted = costs, most, predicted or {}
        self._at_first = EverySeed(tuple(costs), seeds)
        self._worth: tuple[int, list[str]] = (-1, [])

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
        for name in self._worth_a_seed(outcomes):
            tried = [seed for other, seed in outcomes if other == name]
            if name not in busy and len(tried) < self._most:
                return name, max(tried) + 1
        return None

    def _worth_a_seed(self, outcomes: Outcomes) -> list[str]:
        """The networks for which one more seed is worth its training. Computed once per outcome for speed."""
        if self._worth[0] != len(outcomes):
            accuracies = {name: tuple(accuracies_of(outcomes, name).values()) for name in self._costs}
            trained = [name for name, own in accuracies.items() if own]
            networks = [
                Measured(costs=self._costs[name], accuracies=accuracies[name], predicted=self._predicted.get(name))
                for name in trained
            ]
            chosen = worth_a_seed(networks, most_seeds=self._most) if networks else []
            self._worth = len(outcomes), [trained[index] for index in chosen]
        return self._worth[1]

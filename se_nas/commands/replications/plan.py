"""Plans of trainings: which network is trained next on which seed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

Key = tuple[str, int]
"""A network's name, and the seed of its training. This seed is a small number. The seed of a trial in the search is a
hash, so the two differ."""

Outcomes = Mapping[Key, float | None]
"""The final accuracy of each training that has ended; None if it failed."""


class Plan(Protocol):
    """A plan of trainings."""

    @property
    def least(self) -> Collection[Key]:
        """The trainings that the plan needs, as far as is known now."""

    def __call__(self, outcomes: Outcomes, under_way: Collection[Key]) -> Key | None:
        """The next training, given the outcomes so far and the running trainings; None if there is none now."""


def accuracies_of(outcomes: Outcomes, name: str) -> dict[int, float]:
    """A network's accuracy by seed. Seeds whose training failed are left out."""
    return {
        seed: accuracy
        for (other, seed), accuracy in sorted(outcomes.items(), key=lambda outcome: outcome[0])
        if other == name and accuracy is not None
    }


@dataclass(frozen=True, slots=True)
class EverySeed:
    """The plan that trains each network on each of the first `seeds` seeds, seed by seed."""

    names: Sequence[str]
    seeds: int

    @property
    def least(self) -> list[Key]:
        """Every network on every seed."""
        return [(name, seed) for seed in range(self.seeds) for name in self.names]

    def __call__(self, outcomes: Outcomes, under_way: Collection[Key]) -> Key | None:
        """The next training."""
        return next((key for key in self.least if key not in outcomes and key not in under_way), None)

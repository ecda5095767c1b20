"""SupernetScores: the accuracy that a supernet gives to each placement that was read from it."""

from collections.abc import Mapping
from dataclasses import dataclass

from se_nas.analysis.placement_effects import OptionEffect, PairEffect, option_effects, pair_effects
from se_nas.analysis.ranking_trust import Trust, trust_in

SUPERNET = "the supernet"
MODULES, PARAMETERS = "number of SE modules", "parameters of SE"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredPlacement:
    """A placement, by the number of the option of each switch, with its network and the accuracy that was read.

    `se` are the tokens of the stages, and `modules` is the number of blocks with SE.
    """

    options: tuple[int, ...]
    se: tuple[str, ...]
    fingerprint: str
    modules: int
    accuracy: float
    cost: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SupernetScores:
    """The scores of one trunk. `switches` are the names of the switches, and `options` the tokens of their options.

    `trunk` is the fingerprint of the network without SE. `count` is the number of placements that exist.
    """

    trunk: str
    switches: tuple[str, ...]
    options: tuple[tuple[str, ...], ...]
    count: int
    placements: tuple[ScoredPlacement, ...]

    @property
    def best(self) -> list[ScoredPlacement]:
        """The placements, the best first; of equal accuracy, the one with fewer parameters."""
        return sorted(self.placements, key=lambda each: (-each.accuracy, each.cost["params"]))

    def option_effects(self) -> list[OptionEffect]:
        """The accuracy that each option adds over the first option of its switch."""
        return option_effects([each.options for each in self.placements], [each.accuracy for each in self.placements])

    @property
    def unknown_effects(self) -> list[str]:
        """The names of the switches whose options were not all read apart from the other switches."""
        known = {(each.switch, each.option) for each in self.option_effects()}
        return [
            name
            for switch, (name, options) in enumerate(zip(self.switches, self.options, strict=True))
            if any((switch, option) not in known for option in range(1, len(options)))
        ]

    def pair_effects(self) -> list[PairEffect]:
        """The interactions of two switches, the strongest first."""
        found = pair_effects([each.options for each in self.placements], [each.accuracy for each in self.placements])
        return sorted(found, key=lambda each: -abs(each.gain))

    def trust(self, trained_alone: Mapping[str, float]) -> Trust | None:
        """Trust in the scores, from accuracies of networks trained alone, by fingerprint; None for too few of them."""
        both = [each for each in self.placements if each.fingerprint in trained_alone]
        return trust_in(
            [each.accuracy for each in both],
            [trained_alone[each.fingerprint] for each in both],
            {MODULES: [each.modules for each in both], PARAMETERS: [each.cost["params"] for each in both]},
            ranking=SUPERNET,
        )

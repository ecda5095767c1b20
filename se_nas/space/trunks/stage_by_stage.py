"""A trunk that is described stage by stage: AnyNet, for blocks of any family."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from se_nas.space.decisions import Assignment, Property, Role, Setting, settle
from se_nas.space.families.family import BlockFamily, property_keys
from se_nas.space.trunks.trunk import TrunkStage, count_choices


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyNetStage:
    """The settings of one stage of an AnyNet. `properties` are those of the keys of its family."""

    family: type[BlockFamily]
    depth: Setting[int]
    width: Setting[int]
    stride: Setting[int]
    properties: Mapping[str, Setting[Any]]

    def settings(self) -> Iterator[Property]:
        """Yield every property, fixed or open, by its name in the stage."""
        yield Property("depth", self.depth)
        yield Property("width", self.width, Role.WIDTH)
        yield Property("stride", self.stride)
        for name, key in property_keys(self.family).items():
            yield Property(name, self.properties[name], key.role)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyNetTrunk:
    """A trunk with widths and depths for each stage; arXiv 2003.13678, section 3.2, with its design rules as options.

    A width that blocks of the family cannot have becomes a width close to it that they can have.
    """

    choices: tuple[AnyNetStage, ...]
    widths_non_decreasing: bool = False
    depths_non_decreasing: bool = False

    @property
    def stage_count(self) -> int:
        """The number of stages of every network of this trunk."""
        return len(self.choices)

    def settings(self) -> Iterator[Property]:
        """Yield `stage1.depth`, `stage1.width`, ... with their settings."""
        for number, stage in enumerate(self.choices, start=1):
            for name, setting, role in stage.settings():
                yield Property(f"stage{number}.{name}", setting, role)

    def stages(self, assignment: Assignment) -> tuple[TrunkStage, ...]:
        """The stages of an assignment. ValueError if they break a design rule."""
        stages = []
        for number, choices in enumerate(self.choices, start=1):
            values = {
                name: settle(setting, f"stage{number}.{name}", assignment) for name, setting, _ in choices.settings()
            }
            depth, wanted, stride = (int(values.pop(name)) for name in ("depth", "width", "stride"))
            width, block = choices.family.fit(wanted, values)
            stages.append(TrunkStage(block=block, depth=depth, width=width, stride=stride))
        if self.widths_non_decreasing:
            _check_non_decreasing("widths", [stage.width for stage in stages])
        if self.depths_non_decreasing:
            _check_non_decreasing("depths", [stage.depth for stage in stages])
        return tuple(stages)

    def size_bound(self) -> int:
        """The product of the numbers of choices."""
        return count_choices(each.setting for each in self.settings())


def _check_non_decreasing(what: str, values: list[int]) -> None:
    if any(late < early for early, late in pairwise(values)):
        raise ValueError(f"stage {what} must not decrease, but got {values}")

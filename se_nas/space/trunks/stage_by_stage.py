"""A trunk that is described stage by stage: AnyNet, for blocks of any family."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from se_nas.space.architecture import Architecture
from se_nas.space.decisions import Assignment, Property, Role, Setting, settle
from se_nas.space.families.family import BlockFamily, property_keys
from se_nas.space.parts.stage import Segment, Stage
from se_nas.space.trunks.trunk import Ends, count_choices, listed


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyNetSegment:
    """The settings of a segment of an AnyNet. `properties` are those of the keys of its family."""

    family: type[BlockFamily]
    depth: Setting[int]
    width: Setting[int]
    stride: Setting[int]
    properties: Mapping[str, Setting[Any]]

    def settings(self) -> Iterator[Property]:
        """Yield every property, fixed or open, by its name in the segment."""
        yield Property("depth", self.depth)
        yield Property("width", self.width, Role.WIDTH)
        yield Property("stride", self.stride)
        for name, key in property_keys(self.family).items():
            yield Property(name, self.properties[name], key.role)

    def decode(self, name: str, assignment: Assignment) -> Segment:
        """The segment of an assignment, without attention. `name` is the start of its decisions' names."""
        values = {own: settle(setting, f"{name}.{own}", assignment) for own, setting, _ in self.settings()}
        depth, wanted, stride = (int(values.pop(own)) for own in ("depth", "width", "stride"))
        width, block = self.family.fit(wanted, values)
        return Segment(block=block, depth=depth, width=width, stride=stride, se=(None,) * depth)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyNetStage:
    """The segments of a stage of an AnyNet."""

    segments: tuple[AnyNetSegment, ...]

    def named(self, stage: str) -> Iterator[tuple[str, AnyNetSegment]]:
        """Yield each segment with its name: the stage's name, or `stage2.segment1` if there are several."""
        for number, segment in enumerate(self.segments, start=1):
            yield (stage if len(self.segments) == 1 else f"{stage}.segment{number}"), segment


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyNetTrunk:
    """A trunk with widths and depths for each stage; arXiv 2003.13678, section 3.2, with its design rules as options.

    A width that blocks of the family cannot have becomes a width close to it that they can have.
    """

    ends: Ends
    choices: tuple[AnyNetStage, ...]
    widths_non_decreasing: bool = False
    depths_non_decreasing: bool = False

    def settings(self) -> Iterator[Property]:
        """Yield those of the stem, then `stage1.depth`, `stage1.width`, ... with their settings."""
        yield from self.ends.stem.settings()
        for number, stage in enumerate(self.choices, start=1):
            for name, segment in stage.named(f"stage{number}"):
                for own, setting, role in segment.settings():
                    yield Property(f"{name}.{own}", setting, role)

    def network(self, assignment: Assignment) -> Architecture:
        """The network of an assignment. ValueError if it breaks a design rule."""
        stages = [
            Stage(segments=tuple(each.decode(name, assignment) for name, each in choices.named(f"stage{number}")))
            for number, choices in enumerate(self.choices, start=1)
        ]
        if self.widths_non_decreasing:
            _check_non_decreasing("widths", [segment.width for stage in stages for segment in stage.segments])
        if self.depths_non_decreasing:
            _check_non_decreasing("depths", [stage.depth for stage in stages])
        return self.ends.around(stages, assignment)

    def most_blocks(self) -> tuple[int, ...]:
        """The sum of the largest depths of each stage's segments."""
        return tuple(sum(int(max(listed(each.depth))) for each in stage.segments) for stage in self.choices)

    def size_bound(self) -> int:
        """The product of the numbers of choices."""
        return count_choices(each.setting for each in self.settings())


def _check_non_decreasing(what: str, values: list[int]) -> None:
    if any(late < early for early, late in pairwise(values)):
        raise ValueError(f"stage {what} must not decrease, but got {values}")

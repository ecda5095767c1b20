"""A trunk that is described stage by stage: AnyNet, for blocks of any family."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any, ClassVar

from se_nas.space.architecture import Architecture
from se_nas.space.decisions import Assignment, Property, Role, Setting, settle
from se_nas.space.families.family import BlockFamily, is_own, property_keys
from se_nas.space.faults import RuleError, StageError
from se_nas.space.parts.stage import Segment, Stage
from se_nas.space.trunks.trunk import Ends, count_choices, listed, numbered_stages


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

    largest_image_size: ClassVar[None] = None

    ends: Ends
    choices: tuple[AnyNetStage, ...]
    widths_non_decreasing: bool = False
    depths_non_decreasing: bool = False

    @property
    def stage_names(self) -> tuple[str, ...]:
        """`stage1`, `stage2` and so on."""
        return numbered_stages(len(self.choices))

    def settings(self) -> Iterator[Property]:
        """Yield those of the stem, then `stage1.depth`, `stage1.width`, ... with their settings."""
        yield from self.ends.stem.settings()
        for stage_name, stage in zip(self.stage_names, self.choices, strict=True):
            for name, segment in stage.named(stage_name):
                for own, setting, role in segment.settings():
                    yield Property(f"{name}.{own}", setting, role)

    def network(self, assignment: Assignment) -> Architecture:
        """The network of an assignment. RuleError if it breaks a design rule, StageError if a stage cannot be."""
        stages = [self._stage(index, assignment) for index in range(len(self.choices))]
        if self.widths_non_decreasing:
            widths = [[each.width for each in stage.segments if is_own("width", type(each.block))] for stage in stages]
            _check_non_decreasing("widths", list(chain.from_iterable(widths)))
        if self.depths_non_decreasing:
            depths = [[each.depth for each in stage.segments if is_own("depth", type(each.block))] for stage in stages]
            _check_non_decreasing("depths", [sum(own) for own in depths if own])
        return self.ends.around(stages, assignment)

    def _stage(self, index: int, assignment: Assignment) -> Stage:
        named = self.choices[index].named(self.stage_names[index])
        try:
            return Stage(segments=tuple(each.decode(name, assignment) for name, each in named))
        except ValueError as error:
            raise StageError(f"stage {index + 1}: {error}", index=index) from None

    def most_blocks(self) -> tuple[int, ...]:
        """The sum of the largest depths of each stage's segments."""
        return tuple(sum(int(max(listed(each.depth))) for each in stage.segments) for stage in self.choices)

    def size_bound(self) -> int:
        """The product of the numbers of choices."""
        return count_choices(each.setting for each in self.settings())


def _check_non_decreasing(what: str, values: list[int]) -> None:
    if any(late < early for early, late in pairwise(values)):
        raise RuleError(f"stage {what} must not decrease, but got {values}")

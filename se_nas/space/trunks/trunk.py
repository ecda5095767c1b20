"""Trunk: what a design space needs to know of a network without its attention."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from se_nas.space.architecture import Architecture
from se_nas.space.decisions import Assignment, Categorical, FloatRange, IntRange, Property, Role, Setting, settle
from se_nas.space.parts.norm import USUAL_NORM, Norm
from se_nas.space.parts.stage import Stage
from se_nas.space.parts.stem import Stem
from se_nas.space.parts.tail import NO_TAIL, Tail


class Trunk(Protocol):
    """The interface that a design space needs from its trunk."""

    @property
    def stage_names(self) -> tuple[str, ...]:
        """The name of each stage, with which the names of its decisions begin. Every network has as many stages."""

    @property
    def largest_image_size(self) -> int | None:
        """The side in pixels of the largest images of any network, if the trunk scales the image size; else None."""

    def settings(self) -> Iterator[Property]:
        """Yield every property, fixed or open."""

    def network(self, assignment: Assignment) -> Architecture:
        """The network of an assignment, without attention. ValueError names the rule that the assignment breaks."""

    def most_blocks(self) -> tuple[int, ...]:
        """The largest number of blocks of each stage."""

    def size_bound(self) -> int:
        """An upper bound of the number of distinct trunks."""


def numbered_stages(count: int) -> tuple[str, ...]:
    """The names of stages that have no names of their own.

    >>> numbered_stages(2)
    ('stage1', 'stage2')
    """
    return tuple(f"stage{number}" for number in range(1, count + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class StemChoices:
    """The settings of a stem with one 3×3 convolution."""

    width: Setting[int]
    stride: Setting[int]

    def settings(self) -> Iterator[Property]:
        """Yield `stem.width` and `stem.stride`."""
        yield Property("stem.width", self.width, Role.WIDTH)
        yield Property("stem.stride", self.stride)

    def decode(self, assignment: Assignment) -> Stem:
        """The stem of an assignment."""
        return Stem.plain(
            width=settle(self.width, "stem.width", assignment), stride=settle(self.stride, "stem.stride", assignment)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedStem:
    """A stem that leaves nothing open."""

    stem: Stem

    def settings(self) -> Iterator[Property]:
        """Yield nothing."""
        return iter(())

    def decode(self, assignment: Assignment) -> Stem:
        """The stem."""
        return self.stem


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """The parts around the stages of a trunk: its stem, its tail, and the numbers of its norms."""

    stem: StemChoices | FixedStem
    tail: Tail = NO_TAIL
    norm: Norm = USUAL_NORM

    def around(self, stages: Iterable[Stage], assignment: Assignment) -> Architecture:
        """The network of these stages."""
        return Architecture(stem=self.stem.decode(assignment), stages=tuple(stages), tail=self.tail, norm=self.norm)


def listed(setting: Setting[Any]) -> tuple[float, ...]:
    """All values of a setting of numbers. TypeError for a real range."""
    if isinstance(setting, Categorical | IntRange):
        return tuple(float(value) for value in setting.values())
    if isinstance(setting, FloatRange):
        raise TypeError("a real range cannot be listed")
    return (float(setting),)


def count_choices(settings: Iterable[Setting[Any]]) -> int:
    """The number of ways to choose a value for each of these settings."""
    return math.prod(_count(setting) for setting in settings)


def _count(setting: Setting[Any]) -> int:
    if isinstance(setting, FloatRange):
        raise TypeError("a real range cannot be listed")
    return len(setting.values()) if isinstance(setting, Categorical | IntRange) else 1

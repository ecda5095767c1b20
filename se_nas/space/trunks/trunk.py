"""Trunk: what a design space needs to know of a network without its attention."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from se_nas.space.decisions import Assignment, Categorical, FloatRange, IntRange, Property, Setting
from se_nas.space.families.family import BlockFamily


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkStage:
    """A stage without its attention."""

    block: BlockFamily
    depth: int
    width: int
    stride: int


class Trunk(Protocol):
    """The interface that a design space needs from its trunk."""

    @property
    def stage_count(self) -> int:
        """The number of stages of every network of this trunk."""

    def settings(self) -> Iterator[Property]:
        """Yield every property, fixed or open."""

    def stages(self, assignment: Assignment) -> tuple[TrunkStage, ...]:
        """The stages of an assignment. ValueError names the rule that the assignment breaks."""

    def size_bound(self) -> int:
        """An upper bound of the number of distinct trunks."""


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

"""Two descriptions of a trunk: widths and depths of each stage (AnyNet), or RegNet's rule. A trunk has no SE."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

from se_nas.space.decisions import (
    Assignment,
    Categorical,
    FloatRange,
    IntRange,
    Property,
    Role,
    Setting,
    Value,
    settle,
)
from se_nas.space.families import BlockFamily
from se_nas.space.regnet import QUANTUM, fit_group_width, stage_widths_and_depths


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkStage:
    """A stage without its SE."""

    block: BlockFamily
    depth: int
    width: int
    stride: int


_ROLES = dict.fromkeys(("width", "group_width", "w0", "wa"), Role.WIDTH)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyNetStage:
    """The settings of one stage of an AnyNet."""

    depth: Setting[int]
    width: Setting[int]
    stride: Setting[int]
    group_width: Setting[int]
    bottleneck: Setting[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyNetTrunk:
    """A trunk with widths and depths for each stage; arXiv 2003.13678, section 3.2, with its design rules as options.

    A width that the group width does not divide becomes the nearest width that it divides.
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
            for name in ("depth", "width", "stride", "group_width", "bottleneck"):
                yield Property(f"stage{number}.{name}", getattr(stage, name), _ROLES.get(name, Role.OTHER))

    def stages(self, assignment: Assignment) -> tuple[TrunkStage, ...]:
        """The stages of an assignment. ValueError if they break a design rule."""
        values: dict[str, Value] = {name: settle(setting, name, assignment) for name, setting, _ in self.settings()}
        stages = []
        for number in range(1, self.stage_count + 1):
            of = f"stage{number}."
            width, block = fit_group_width(
                int(values[of + "width"]),
                group_width=int(values[of + "group_width"]),
                bottleneck=float(values[of + "bottleneck"]),
            )
            depth, stride = int(values[of + "depth"]), int(values[of + "stride"])
            stages.append(TrunkStage(block=block, depth=depth, width=width, stride=stride))
        if self.widths_non_decreasing:
            _check_non_decreasing("widths", [stage.width for stage in stages])
        if self.depths_non_decreasing:
            _check_non_decreasing("depths", [stage.depth for stage in stages])
        return tuple(stages)

    def size_bound(self) -> int:
        """The product of the numbers of choices."""
        return math.prod(_count(each.setting) for each in self.settings())


@dataclass(frozen=True, slots=True, kw_only=True)
class RegNetTrunk:
    """A trunk by RegNet's quantised linear rule. Parameters are valid only if they give the wanted number of stages."""

    depth: Setting[int]
    w0: Setting[int]
    wa: Setting[float]
    wm: Setting[float]
    group_width: Setting[int]
    bottleneck: Setting[float]
    strides: tuple[Setting[int], ...]

    @property
    def stage_count(self) -> int:
        """The number of stages of every network of this trunk."""
        return len(self.strides)

    def settings(self) -> Iterator[Property]:
        """Yield `depth`, `w0`, `wa`, `wm`, `group_width`, `bottleneck`, `stage1.stride`, ... with their settings."""
        for name in ("depth", "w0", "wa", "wm", "group_width", "bottleneck"):
            yield Property(name, getattr(self, name), _ROLES.get(name, Role.OTHER))
        for number, stride in enumerate(self.strides, start=1):
            yield Property(f"stage{number}.stride", stride)

    def stages(self, assignment: Assignment) -> tuple[TrunkStage, ...]:
        """The stages of an assignment. ValueError if the rule gives another number of stages."""
        values: dict[str, Value] = {name: settle(setting, name, assignment) for name, setting, _ in self.settings()}
        pairs = stage_widths_and_depths(
            depth=int(values["depth"]), w0=int(values["w0"]), wa=float(values["wa"]), wm=float(values["wm"])
        )
        if len(pairs) != self.stage_count:
            raise ValueError(
                f"the RegNet rule must give {self.stage_count} stages, but these parameters give {len(pairs)}"
            )
        stages = []
        for number, (raw_width, depth) in enumerate(pairs, start=1):
            width, block = fit_group_width(
                raw_width, group_width=int(values["group_width"]), bottleneck=float(values["bottleneck"])
            )
            stride = int(values[f"stage{number}.stride"])
            stages.append(TrunkStage(block=block, depth=depth, width=width, stride=stride))
        return tuple(stages)

    def size_bound(self) -> int:
        """The number of rising widths on the rule's grid, times the ways to divide the depth among the stages."""
        low, _ = _range(self.w0)
        _, depth = _range(self.depth)
        widest = (_range(self.w0)[1] + _range(self.wa)[1] * (depth - 1)) * math.sqrt(_range(self.wm)[1])
        grid = max(0, math.floor(widest / QUANTUM) + 1 - int(low) // QUANTUM + 1)
        splits = sum(math.comb(int(d) - 1, self.stage_count - 1) for d in _listed(self.depth))
        others = math.prod(_count(s) for s in (self.group_width, self.bottleneck, *self.strides))
        return math.comb(grid, self.stage_count) * splits * others


def _check_non_decreasing(what: str, values: list[int]) -> None:
    if any(late < early for early, late in pairwise(values)):
        raise ValueError(f"stage {what} must not decrease, but got {values}")


def _listed(setting: Setting[Any]) -> tuple[float, ...]:
    if isinstance(setting, Categorical | IntRange):
        return tuple(float(value) for value in setting.values())
    if isinstance(setting, FloatRange):
        raise TypeError("a real range cannot be listed")
    return (float(setting),)


def _count(setting: Setting[Any]) -> int:
    return len(_listed(setting))


def _range(setting: Setting[Any]) -> tuple[float, float]:
    if isinstance(setting, FloatRange):
        return setting.low, setting.high
    values = _listed(setting)
    return min(values), max(values)

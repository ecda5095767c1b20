"""RegNet's quantised linear rule, which gives widths and depths of all stages.

Radosavovic et al., "Designing Network Design Spaces", arXiv 2003.13678, section 3.3, equations 2–4.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar

from se_nas.space.architecture import Architecture
from se_nas.space.decisions import Assignment, FloatRange, IntRange, Property, Role, Setting, Value, settle
from se_nas.space.families.regnet import fit_group_width
from se_nas.space.parts.stage import Stage
from se_nas.space.settings import MOST_WIDTH, Parser, is_real, is_whole
from se_nas.space.trunks.trunk import Ends, count_choices, listed, numbered_stages

QUANTUM = 8
"""Stage widths are multiples of this."""

QUANTISED = Parser(
    f"a positive multiple of {QUANTUM}, at most {MOST_WIDTH:,}",
    lambda value: is_whole(value) and 0 < value <= MOST_WIDTH and value % QUANTUM == 0,
    IntRange,
)
SLOPE = Parser(
    f"a number of at least 0 and at most {MOST_WIDTH:,}",
    lambda value: is_real(value) and 0 <= value <= MOST_WIDTH,
    FloatRange,
)
MULTIPLIER = Parser("a number above 1", lambda value: is_real(value) and value > 1, FloatRange)


def stage_widths_and_depths(*, depth: int, w0: int, wa: float, wm: float) -> tuple[tuple[int, int], ...]:
    """(width, depth) of each stage. Block j has the width w0 + wa·j, rounded to w0·wm^k and to a multiple of 8.

    >>> stage_widths_and_depths(depth=13, w0=24, wa=36.44, wm=2.49)  # RegNetX-200MF
    ((24, 1), (56, 1), (152, 4), (368, 7))
    """
    if depth < 1 or w0 < QUANTUM or w0 % QUANTUM or not 0 <= wa < math.inf or not 1 < wm < math.inf:
        raise ValueError(
            f"depth >= 1, w0 a positive multiple of {QUANTUM}, finite wa >= 0 and wm > 1 must hold, "
            f"but got depth={depth}, w0={w0}, wa={wa}, wm={wm}"
        )
    widths = []
    for index in range(depth):
        linear = w0 + wa * index  # equation 2
        exponent = round(math.log(linear / w0) / math.log(wm))  # equation 3
        widths.append(round(w0 * wm**exponent / QUANTUM) * QUANTUM)  # equation 4
    return tuple((width, len(list(run))) for width, run in groupby(widths))


@dataclass(frozen=True, slots=True, kw_only=True)
class RegNetTrunk:
    """A trunk by RegNet's quantised linear rule. Parameters are valid only if they give the wanted number of stages."""

    largest_image_size: ClassVar[None] = None

    ends: Ends
    depth: Setting[int]
    w0: Setting[int]
    wa: Setting[float]
    wm: Setting[float]
    group_width: Setting[int]
    bottleneck: Setting[float]
    strides: tuple[Setting[int], ...]

    @property
    def stage_names(self) -> tuple[str, ...]:
        """`stage1`, `stage2` and so on."""
        return numbered_stages(len(self.strides))

    def settings(self) -> Iterator[Property]:
        """Yield those of the stem, then `depth`, `w0`, `wa`, `wm`, `group_width`, `bottleneck`, `stage1.stride`, ..."""
        yield from self.ends.stem.settings()
        yield Property("depth", self.depth)
        yield Property("w0", self.w0, Role.WIDTH)
        yield Property("wa", self.wa, Role.WIDTH)
        yield Property("wm", self.wm)
        yield Property("group_width", self.group_width, Role.WIDTH)
        yield Property("bottleneck", self.bottleneck)
        for number, stride in enumerate(self.strides, start=1):
            yield Property(f"stage{number}.stride", stride)

    def network(self, assignment: Assignment) -> Architecture:
        """The network of an assignment. ValueError if the rule gives another number of stages."""
        values: dict[str, Value] = {name: settle(setting, name, assignment) for name, setting, _ in self.settings()}
        pairs = stage_widths_and_depths(
            depth=int(values["depth"]), w0=int(values["w0"]), wa=float(values["wa"]), wm=float(values["wm"])
        )
        if len(pairs) != len(self.strides):
            raise ValueError(
                f"the RegNet rule must give {len(self.strides)} stages, but these parameters give {len(pairs)}"
            )
        stages = []
        for number, (raw_width, depth) in enumerate(pairs, start=1):
            width, block = fit_group_width(
                raw_width, group_width=int(values["group_width"]), bottleneck=float(values["bottleneck"])
            )
            stride = int(values[f"stage{number}.stride"])
            stages.append(Stage.of(block, depth=depth, width=width, stride=stride))
        return self.ends.around(stages, assignment)

    def most_blocks(self) -> tuple[int, ...]:
        """The largest number of blocks of each stage. Each other stage has at least one block."""
        most = int(max(listed(self.depth))) - len(self.strides) + 1
        return (most,) * len(self.strides)

    def size_bound(self) -> int:
        """The number of rising widths on the rule's grid, times the ways to divide the depth among the stages."""
        low, _ = _range(self.w0)
        _, depth = _range(self.depth)
        widest = (_range(self.w0)[1] + _range(self.wa)[1] * (depth - 1)) * math.sqrt(_range(self.wm)[1])
        grid = max(0, math.floor(widest / QUANTUM) + 1 - int(low) // QUANTUM + 1)
        splits = sum(math.comb(int(d) - 1, len(self.strides) - 1) for d in listed(self.depth))
        stem = [each.setting for each in self.ends.stem.settings()]
        others = count_choices((self.group_width, self.bottleneck, *self.strides, *stem))
        return math.comb(grid, len(self.strides)) * splits * others


def _range(setting: Setting[float]) -> tuple[float, float]:
    if isinstance(setting, FloatRange):
        return setting.low, setting.high
    values = listed(setting)
    return min(values), max(values)

"""Baselines for a network: networks of equal FLOPs from the same space, without SE and with SE as it is published."""

import math
from collections.abc import Callable, Iterator, Sequence
from random import Random

from se_nas.commands.preflight import CostOf
from se_nas.errors import InputError
from se_nas.space.architecture import Architecture
from se_nas.space.design_space import DesignSpace
from se_nas.space.habit import published_names
from se_nas.space.placements import with_published_se, without_se

BASELINES: tuple[Callable[[Architecture], Architecture], ...] = (without_se, with_published_se)
"""The functions that make the baselines from a trunk, in the order of `published_names`."""
DRAWS = 1_000


def baselines(
    space: DesignSpace, cost_of: CostOf, flops: Sequence[float]
) -> Iterator[tuple[str, tuple[Architecture, ...]]]:
    """Each published name for the space's blocks, and for each of `flops` the nearest trunk (by ratio) among `DRAWS`.

    Nothing is chosen by accuracy. InputError if none keeps the space's bounds.
    """
    rng = Random(0)
    trunks = [space.decode(space.sample(rng)) for _ in range(DRAWS)]
    for name, baseline in zip(published_names(trunks[0]), BASELINES, strict=True):
        drawn = [(architecture, cost_of(architecture)) for architecture in map(baseline, trunks)]
        kept = [(architecture, costs["flops"]) for architecture, costs in drawn if space.cost_violation(costs) is None]
        if not kept:
            raise InputError(f"--baselines: no {name} of {DRAWS:,} drawn from space '{space.name}' keeps its bounds")
        yield name, tuple(min(kept, key=lambda one: abs(math.log(one[1] / wanted)))[0] for wanted in flops)

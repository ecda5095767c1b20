"""Baselines for a network: a RegNetX and a RegNetY of equal FLOPs, from the same space."""

import math
from collections.abc import Callable, Iterator, Sequence
from random import Random

from se_nas.commands.preflight import CostOf
from se_nas.errors import InputError
from se_nas.space.architecture import Architecture
from se_nas.space.design_space import DesignSpace
from se_nas.space.placements import with_se_as_in_regnety, without_se

BASELINES: dict[str, Callable[[Architecture], Architecture]] = {
    "RegNetX": without_se,
    "RegNetY": with_se_as_in_regnety,
}
"""The function that makes a baseline from a trunk: arXiv 2003.13678, section 5."""
DRAWS = 1_000


def baselines(
    space: DesignSpace, cost_of: CostOf, flops: Sequence[float]
) -> Iterator[tuple[str, tuple[Architecture, ...]]]:
    """Each name, and for each of `flops` the nearest trunk (by ratio) among `DRAWS` drawn from the space.

    Nothing is chosen by accuracy. InputError if none keeps the space's bounds.
    """
    rng = Random(0)
    trunks = [space.decode(space.sample(rng)) for _ in range(DRAWS)]
    for name, baseline in BASELINES.items():
        drawn = [(architecture, cost_of(architecture)) for architecture in map(baseline, trunks)]
        kept = [(architecture, costs["flops"]) for architecture, costs in drawn if space.cost_violation(costs) is None]
        if not kept:
            raise InputError(f"--baselines: no {name} of {DRAWS:,} drawn from space '{space.name}' keeps its bounds")
        yield name, tuple(min(kept, key=lambda one: abs(math.log(one[1] / wanted)))[0] for wanted in flops)

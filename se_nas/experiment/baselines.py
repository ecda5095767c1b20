"""RegNetX and RegNetY beside a network: of equal FLOPs, from the same space."""

import math
from collections.abc import Callable
from random import Random

from se_nas.errors import InputError
from se_nas.experiment.survey import CostOf
from se_nas.space.architecture import Architecture
from se_nas.space.design_space import DesignSpace
from se_nas.space.placements import with_se_as_in_regnety, without_se

BASELINES: dict[str, Callable[[Architecture], Architecture]] = {
    "RegNetX": without_se,
    "RegNetY": with_se_as_in_regnety,
}
"""What becomes of a trunk: arXiv 2003.13678, section 5."""
DRAWS = 1_000


def baseline(name: str, space: DesignSpace, cost_of: CostOf, *, flops: float) -> Architecture:
    """The trunk that is nearest in FLOPs, as a ratio, among `DRAWS` drawn from the space.

    Nothing is chosen by accuracy. InputError when none keeps the space's bounds.
    """
    rng, found, nearest = Random(0), None, math.inf
    for _ in range(DRAWS):
        architecture = BASELINES[name](space.decode(space.sample(rng)))
        costs = cost_of(architecture)
        distance = abs(math.log(costs["flops"] / flops))
        if distance < nearest and space.cost_violation(costs) is None:
            found, nearest = architecture, distance
    if found is None:
        raise InputError(f"--baselines: no {name} of {DRAWS:,} drawn from space '{space.name}' keeps its bounds")
    return found

"""Other SE placements for the same trunk: no SE, SE in every stage as in RegNetY, or SE switched in one stage."""

from dataclasses import replace

from se_nas.space.architecture import Architecture
from se_nas.space.squeeze_excite import SqueezeExciteSpec

REGNETY = SqueezeExciteSpec(reduction=4)
"""SE as in RegNetY: after the 3×3, with a quarter of the block's input width (arXiv 2003.13678, section 5)."""


def without_se(architecture: Architecture) -> Architecture:
    """The trunk without SE."""
    for index in range(len(architecture.stages)):
        architecture = _with(architecture, index, None)
    return architecture


def with_se_as_in_regnety(architecture: Architecture) -> Architecture:
    """The trunk with RegNetY's SE in every stage, instead of the architecture's own SE."""
    for index in range(len(architecture.stages)):
        architecture = _with(architecture, index, REGNETY)
    return architecture


def switched(architecture: Architecture, index: int) -> Architecture:
    """Switch SE in stage `index` (from 0); all other stages stay unchanged.

    A stage with SE loses it. A stage without SE gets the SE of the nearest stage that has it (the earlier of two), or
    RegNetY's SE if no stage has any.
    """
    spec = None if has_se(architecture, index) else _nearest(architecture, index)
    return _with(architecture, index, spec)


def has_se(architecture: Architecture, index: int) -> bool:
    """Whether any block of stage `index` (from 0) has SE."""
    return _spec(architecture, index) is not None


def _spec(architecture: Architecture, index: int) -> SqueezeExciteSpec | None:
    """The SE of the stage's first block with SE; None if no block has SE."""
    return next((spec for spec in architecture.stages[index].se if spec is not None), None)


def _nearest(architecture: Architecture, index: int) -> SqueezeExciteSpec:
    specs = [_spec(architecture, other) for other in range(len(architecture.stages))]
    known = [(abs(index - other), other) for other, spec in enumerate(specs) if spec is not None]
    return (specs[min(known)[1]] if known else None) or REGNETY


def _with(architecture: Architecture, index: int, spec: SqueezeExciteSpec | None) -> Architecture:
    stages = list(architecture.stages)
    stages[index] = replace(stages[index], se=(spec,) * stages[index].depth)
    return replace(architecture, stages=tuple(stages))

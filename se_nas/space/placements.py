"""The same trunk with SE elsewhere: nowhere, everywhere, and each stage switched."""

from collections.abc import Sequence
from dataclasses import replace

from se_nas.space.architecture import Architecture
from se_nas.space.squeeze_excite import SqueezeExciteSpec

REGNETY = SqueezeExciteSpec(reduction=4)
"""SE as in RegNetY: after the 3×3, a quarter of the block's input wide (arXiv 2003.13678, section 5)."""

FOUND, NOWHERE, EVERYWHERE = "found", "SE nowhere", "SE everywhere"


def placements(architecture: Architecture) -> dict[str, Architecture]:
    """The network as it was found, with SE nowhere and everywhere, and with each stage switched; by name.

    A stage that is given SE takes it from the nearest stage that has it (the earlier of two), or else from RegNetY.
    Names of one and the same network (SE nowhere is a stage switched, say) are all there.
    """
    own = [_spec(stage.se) for stage in architecture.stages]
    full = [spec or _nearest(own, index) for index, spec in enumerate(own)]
    variants: dict[str, Sequence[SqueezeExciteSpec | None]] = {
        FOUND: own,
        NOWHERE: [None] * len(own),
        EVERYWHERE: full,
    }
    for index, spec in enumerate(own):
        switched = [*own[:index], full[index] if spec is None else None, *own[index + 1 :]]
        variants[stage_name(index, has_se=spec is None)] = switched
    return {name: architecture if name == FOUND else _with(architecture, specs) for name, specs in variants.items()}


def stage_name(index: int, *, has_se: bool) -> str:
    """What the network with stage `index` (from 0) switched is called."""
    return f"stage {index + 1} {'with' if has_se else 'without'} SE"


def _spec(se: Sequence[SqueezeExciteSpec | None]) -> SqueezeExciteSpec | None:
    """That of the first block that has one."""
    return next((spec for spec in se if spec is not None), None)


def _nearest(specs: Sequence[SqueezeExciteSpec | None], index: int) -> SqueezeExciteSpec:
    known = [(abs(index - other), other) for other, spec in enumerate(specs) if spec is not None]
    return (specs[min(known)[1]] if known else None) or REGNETY


def _with(architecture: Architecture, specs: Sequence[SqueezeExciteSpec | None]) -> Architecture:
    stages = [replace(stage, se=(spec,) * stage.depth) for stage, spec in zip(architecture.stages, specs, strict=True)]
    return replace(architecture, stages=tuple(stages))

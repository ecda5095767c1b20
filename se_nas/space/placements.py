"""Other placements of attention for the same trunk: none, as in published networks, or switched in one stage."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from se_nas.space.architecture import Architecture
from se_nas.space.attention.attention import ChannelAttention
from se_nas.space.habit import published_attention
from se_nas.space.parts.stage import BlockShape

Choose = Callable[[BlockShape], ChannelAttention | None]
"""Says which attention a block gets. A block that lacks its site gets none."""


def without_se(architecture: Architecture) -> Architecture:
    """The trunk without SE."""
    for index in range(len(architecture.stages)):
        architecture = _with(architecture, index, lambda _: None)
    return architecture


def with_published_se(architecture: Architecture) -> Architecture:
    """The trunk with the SE of published networks in every stage, instead of the architecture's own SE.

    Each block has the attention that `habit` gives it, if it has the attention's site.
    """
    plain = architecture
    for index in range(len(architecture.stages)):
        architecture = _with(architecture, index, lambda block: published_attention(block, plain))
    return architecture


def with_attention_by_stage(architecture: Architecture, by_stage: Sequence[Choose]) -> Architecture:
    """The trunk with another attention, which each entry of `by_stage` chooses for the blocks of one stage."""
    for index, choose in enumerate(by_stage):
        architecture = _with(architecture, index, choose)
    return architecture


def switched(architecture: Architecture, index: int) -> Architecture:
    """Switch SE in stage `index` (from 0); all other stages stay unchanged.

    A stage with SE loses it. A stage without SE gets the SE of the nearest stage that has it (the earlier of two) at a
    site that one of its own blocks has too, or the SE of published networks if there is no such stage.
    """
    if has_se(architecture, index):
        return _with(architecture, index, lambda _: None)
    nearest = _nearest(architecture, index)
    return _with(architecture, index, lambda block: nearest or published_attention(block, architecture))


def has_se(architecture: Architecture, index: int) -> bool:
    """Whether any block of stage `index` (from 0) has SE."""
    return _spec(architecture, index) is not None


def _spec(architecture: Architecture, index: int) -> ChannelAttention | None:
    """The SE of the stage's first block with SE; None if no block has SE."""
    return next((spec for spec in architecture.stages[index].se if spec is not None), None)


def _nearest(architecture: Architecture, index: int) -> ChannelAttention | None:
    """The SE of the nearest stage whose site a block of stage `index` has; None if there is no such stage."""
    known = [
        (abs(index - other), other)
        for other in range(len(architecture.stages))
        if (spec := _spec(architecture, other)) is not None and _has_site(architecture, index, spec.site)
    ]
    return _spec(architecture, min(known)[1]) if known else None


def _has_site(architecture: Architecture, index: int, site: str) -> bool:
    return any(site in block.sites for block in list(architecture.blocks())[index])


def _with(architecture: Architecture, index: int, choose: Choose) -> Architecture:
    stages = list(architecture.stages)
    blocks = list(architecture.blocks())[index]
    stages[index] = stages[index].attended(blocks, [choose(block) for block in blocks])
    return replace(architecture, stages=tuple(stages))

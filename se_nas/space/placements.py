"""Other placements of attention for the same trunk: none, as in published networks, or chosen for each block."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from se_nas.space.architecture import Architecture
from se_nas.space.attention.attention import ChannelAttention
from se_nas.space.habit import leaving_a_channel, published_attention
from se_nas.space.parts.stage import BlockShape

Choose = Callable[[BlockShape], ChannelAttention | None]
"""Says which attention a block gets. A block that lacks its site gets none."""

Attention = Sequence[Sequence[ChannelAttention | None]]
"""The attention of each block of each stage."""


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


def with_attention(architecture: Architecture, attention: Attention) -> Architecture:
    """The trunk with another attention, given for each block of each stage. A block that lacks its site gets none."""
    stages = tuple(
        stage.attended(blocks, specs)
        for stage, blocks, specs in zip(architecture.stages, architecture.blocks(), attention, strict=True)
    )
    return replace(architecture, stages=stages)


def attention_if_on(architecture: Architecture, index: int) -> tuple[ChannelAttention, ...]:
    """The attention of each block of stage `index` (from 0) when it is switched on there.

    A block keeps its own. Another block gets that of the first block of its stage that has it; else that of the nearest
    stage that has it (the earlier of two), at a site that a block of its own stage has too; else that of published
    networks.
    """
    near = _spec(architecture, index) or _nearest(architecture, index)
    blocks = list(architecture.blocks())[index]
    return tuple(
        own or (leaving_a_channel(near, block) if near else published_attention(block, architecture))
        for own, block in zip(architecture.stages[index].se, blocks, strict=True)
    )


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

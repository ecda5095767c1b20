"""Other placements of attention for the same trunk: none, as in published networks, or switched in one stage."""

from dataclasses import replace

from se_nas.space.architecture import Architecture
from se_nas.space.attention.attention import ChannelAttention


def without_se(architecture: Architecture) -> Architecture:
    """The trunk without SE."""
    for index in range(len(architecture.stages)):
        architecture = _with(architecture, index, None)
    return architecture


def with_published_se(architecture: Architecture) -> Architecture:
    """The trunk with the SE of published networks in every stage, instead of the architecture's own SE.

    Each stage has the attention that its blocks have in the published networks of their family, in every block that has
    its site.
    """
    for index, stage in enumerate(architecture.stages):
        architecture = _with(architecture, index, stage.block.published_attention)
    return architecture


def published_names(architecture: Architecture) -> tuple[str, str]:
    """The names of the published networks of such blocks: without SE, and with it. Several families are joined."""
    names = dict.fromkeys(stage.block.published_names for stage in architecture.stages)
    plain, with_se = zip(*names, strict=True)
    return " + ".join(plain), " + ".join(with_se)


def switched(architecture: Architecture, index: int) -> Architecture:
    """Switch SE in stage `index` (from 0); all other stages stay unchanged.

    A stage with SE loses it. A stage without SE gets the SE of the nearest stage that has it (the earlier of two) at a
    site that one of its own blocks has too, or the SE of published networks if there is no such stage.
    """
    spec = None if has_se(architecture, index) else _nearest(architecture, index)
    return _with(architecture, index, spec)


def has_se(architecture: Architecture, index: int) -> bool:
    """Whether any block of stage `index` (from 0) has SE."""
    return _spec(architecture, index) is not None


def _spec(architecture: Architecture, index: int) -> ChannelAttention | None:
    """The SE of the stage's first block with SE; None if no block has SE."""
    return next((spec for spec in architecture.stages[index].se if spec is not None), None)


def _nearest(architecture: Architecture, index: int) -> ChannelAttention:
    specs = [_spec(architecture, other) for other in range(len(architecture.stages))]
    known = [
        (abs(index - other), other)
        for other, spec in enumerate(specs)
        if spec is not None and any(_placed(architecture, index, spec))
    ]
    return (specs[min(known)[1]] if known else None) or architecture.stages[index].block.published_attention


def _with(architecture: Architecture, index: int, spec: ChannelAttention | None) -> Architecture:
    stages = list(architecture.stages)
    stages[index] = replace(stages[index], se=_placed(architecture, index, spec))
    return replace(architecture, stages=tuple(stages))


def _placed(
    architecture: Architecture, index: int, spec: ChannelAttention | None
) -> tuple[ChannelAttention | None, ...]:
    """The attention of each block of a stage: `spec` in the blocks that have its site."""
    blocks = list(architecture.blocks())[index]
    return tuple(spec if spec is not None and spec.site in block.sites else None for block in blocks)

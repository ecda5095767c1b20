"""Attention that no network of a design space can have, because its ratio leaves no channel of the stage's widths."""

from collections.abc import Sequence
from random import Random

from se_nas.space.attention.attention import ChannelAttention, attention_shape
from se_nas.space.decisions import Categorical, FloatRange, IntRange
from se_nas.space.design_space import DesignSpace
from se_nas.space.parts.stage import BlockShape

MOST_TRUNKS = 2_000
"""The number of drawn trunks after which attention that fitted in none is reported. A fixed trunk is drawn once."""


def impossible_attention(space: DesignSpace) -> tuple[int, str] | None:
    """The index of a stage, and a message about attention that fits in none of the drawn trunks; None if all fits.

    Attention that fits in some networks only is possible: the other networks are not in the space.
    """
    rng = Random(0)
    wanted = [list(choices.every()) for choices in space.se]
    faults: dict[int, str] = {}
    is_open = any(isinstance(each.setting, Categorical | IntRange | FloatRange) for each in space.trunk.settings())
    for _ in range(MOST_TRUNKS if is_open else 1):
        try:
            trunk = space.trunk.network({name: decision.sample(rng) for name, decision in space.decisions.items()})
        except ValueError:  # it breaks a rule
            continue
        for index, blocks in enumerate(trunk.blocks()):
            by_block = space.se[index].blocks is not None
            found = [(spec, _fault(spec, blocks, by_block=by_block)) for spec in wanted[index]]
            wanted[index] = [spec for spec, fault in found if fault]
            faults[index] = next((fault for _, fault in found if fault), "")
        if not any(wanted):
            return None
    return next(
        ((index, f"{space.trunk.stage_names[index]}, {faults[index]}") for index, left in enumerate(wanted) if left),
        None,
    )


def _fault(spec: ChannelAttention, blocks: Sequence[BlockShape], *, by_block: bool) -> str | None:
    """A message about the block that is too narrow for this attention; None if it is possible.

    If each block has decisions of its own, one block that is wide enough makes the attention possible.
    """
    faults = []
    for number, block in enumerate(blocks, start=1):
        if spec.site in block.sites:
            try:
                attention_shape(spec, block_width_in=block.width_in, sites=block.sites)
            except ValueError as error:
                faults.append(f"block {number}: {error}")
            else:
                if by_block:
                    return None
    return faults[0] if faults else None

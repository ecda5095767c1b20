"""The placements that a supernet trains in each step. They depend on the switches, the draw, the seed,
the epoch and its number of steps.

The sandwich is that of slimmable networks (Yu and Huang, arXiv 1903.05134, section 3.2): the narrowest, the widest, and
two random placements. The second random placement is on where the first is off. So each switch is on in two of four
passes, and all switches learn equally often, as FairNAS demands (Chu et al., arXiv 1907.01845).
"""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from se_nas.seeds import derive_seed
from se_nas.space.switches import Placement, Switch, Switchboard

Options = NDArray[np.int64]


class Draw(StrEnum):
    """The placements of one step."""

    SANDWICH = "sandwich"
    """SE nowhere, everywhere, and two random placements."""
    ONE = "one"
    """One random placement."""


def draw_placements(board: Switchboard, draw: Draw, *, steps: int, seed: int, epoch: int) -> list[list[Placement]]:
    """The placements of each step of an epoch.

    A switch is on in half of the random placements. Over the epoch, each of its widths is drawn equally often.
    """
    rng = np.random.default_rng(derive_seed(seed, "placements", epoch))
    first = [_drawn(switch, rng, steps) for switch in board.switches]
    if draw is Draw.ONE:
        return [[placement] for placement in _placements(first)]
    second = [_opposite(switch, rng, drawn) for switch, drawn in zip(board.switches, first, strict=True)]
    return [
        [board.narrowest, board.widest, one, other]
        for one, other in zip(_placements(first), _placements(second), strict=True)
    ]


def _placements(options: Sequence[Options]) -> list[Placement]:
    return [tuple(row) for row in np.column_stack(options).tolist()]


def _drawn(switch: Switch, rng: np.random.Generator, steps: int) -> Options:
    """An option of a switch for each step."""
    if not switch.can_be_off:
        return _evenly(rng, np.arange(len(switch.options)), steps)
    is_on = _evenly(rng, np.array([0, 1]), steps) > 0
    return _with_widths(switch, rng, is_on)


def _opposite(switch: Switch, rng: np.random.Generator, drawn: Options) -> Options:
    """An option of a switch for each step: on where `drawn` is off."""
    if not switch.can_be_off:
        return len(switch.options) - 1 - drawn
    return _with_widths(switch, rng, drawn == 0)


def _with_widths(switch: Switch, rng: np.random.Generator, is_on: NDArray[np.bool_]) -> Options:
    options = np.zeros(len(is_on), dtype=np.int64)
    options[is_on] = _evenly(rng, np.arange(1, len(switch.options)), int(is_on.sum()))
    return options


def _evenly(rng: np.random.Generator, choices: Options, count: int) -> Options:
    """`count` choices in random order, each as often as any other, or once more."""
    repeated = np.concatenate([rng.permutation(choices) for _ in range(-(-count // len(choices)))] or [choices[:0]])
    return rng.permutation(repeated[:count])

"""RegNet's quantised linear rule for widths, and the fit of widths to group widths.

Radosavovic et al., "Designing Network Design Spaces", arXiv 2003.13678, section 3.3, equations 2–4. The fit is that of
facebookresearch/pycls, pycls/models/blocks.py (`adjust_block_compatibility`), which made the published networks.
"""

import math
from itertools import groupby

from se_nas.space.families import RegNetBlock

QUANTUM = 8
"""Stage widths are multiples of this."""


def stage_widths_and_depths(*, depth: int, w0: int, wa: float, wm: float) -> tuple[tuple[int, int], ...]:
    """(width, depth) of each stage. Block j has the width w0 + wa·j, rounded to w0·wm^k and to a multiple of 8.

    >>> stage_widths_and_depths(depth=13, w0=24, wa=36.44, wm=2.49)  # RegNetX-200MF
    ((24, 1), (56, 1), (152, 4), (368, 7))
    """
    if depth < 1 or w0 < QUANTUM or w0 % QUANTUM or not 0 <= wa < math.inf or not 1 < wm < math.inf:
        raise ValueError(
            f"depth >= 1, w0 a positive multiple of {QUANTUM}, finite wa >= 0 and wm > 1 must hold, "
            f"but got depth={depth}, w0={w0}, wa={wa}, wm={wm}"
        )
    widths = []
    for index in range(depth):
        linear = w0 + wa * index  # equation 2
        exponent = round(math.log(linear / w0) / math.log(wm))  # equation 3
        widths.append(round(w0 * wm**exponent / QUANTUM) * QUANTUM)  # equation 4
    return tuple((width, len(list(run))) for width, run in groupby(widths))


def fit_group_width(width: int, *, group_width: int, bottleneck: float) -> tuple[int, RegNetBlock]:
    """A width close to `width` whose inner width the group width divides, and its block. It is rounded as in pycls.

    A group wider than the inner width shrinks to it. `bottleneck` is a whole number or one over a whole number.

    >>> fit_group_width(392, group_width=16, bottleneck=1)[0]
    384
    """
    multiplier = 1 / bottleneck
    inverse = bottleneck < 1
    if not math.isclose(whole := multiplier if inverse else bottleneck, round(whole)):
        raise ValueError(f"a bottleneck must be a whole number or one over a whole number, but got {bottleneck}")
    inner = max(1, int(width * multiplier + 1e-9))
    group = min(group_width, inner)
    quantum = math.lcm(group, round(multiplier)) if inverse else group
    inner = max(quantum, round(inner / quantum) * quantum)
    fitted = inner // round(multiplier) if inverse else inner * round(bottleneck)
    return fitted, RegNetBlock(group_width=group, bottleneck=bottleneck)

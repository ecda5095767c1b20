"""Rounding of widths to whole numbers of channels."""

import math


def round_width(width: float) -> int:
    """The nearest whole number of channels; halves are rounded up. It is 0 for a width below a half."""
    return math.floor(width + 0.5)


def round_to_multiple(width: float, *, divisor: int = 8, least: float = 0.9) -> int:
    """The nearest multiple of `divisor`, at least `divisor`; halves go up. If it is below `least` times the width, the
    next multiple is taken. This is the rule of MobileNetV2 (tensorflow/models, slim/nets/mobilenet, `_make_divisible`).

    >>> round_to_multiple(18), round_to_multiple(18, least=0)
    (24, 16)
    """
    rounded = max(divisor, int(width + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < least * width else rounded

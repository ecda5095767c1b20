"""Rounding of widths to whole numbers of channels."""

import math


def round_width(width: float) -> int:
    """The nearest whole number of channels, at least one. Halves are rounded up."""
    return max(1, math.floor(width + 0.5))

"""The rule that converts pixels of any type to 8 bits. It uses their type and the values of the whole data set.

All images of a data set share one scale, so that a dark image stays darker than a light one.

| pixels | read as |
| --- | --- |
| 8 bits a channel, palettes, 1 bit | they are; 1 bit is black and white |
| whole numbers in wider types | the least of 1, 8, 10, 12, 14 and 16 bits that hold all values of the data set |
| real numbers, all of them whole in the data set | whole numbers |
| other real numbers | 0 to 1, or 0 to 255 where the largest of the data set is above 32; ambiguous between |
| negative, infinite, not a number, above 65,535 | refused |
| 16 bits a channel in colour | their upper 8 bits; refused where no image of the data set has more than 14 bits |
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

BIT_DEPTHS = (1, 8, 10, 12, 14, 16)
MOST = 2**16 - 1
"""The largest value that is read."""
ROUNDING = 1 / 512
"""Half a step of 8 bits. Real numbers may be larger than 1 by this, because they are rounded."""
LEAST_OF_UPPER_HALF = 64
"""If the maximum of the upper 8 bits is below this, the pixels have 14 bits at most: 64 values would be kept."""
LEAST_OF_255 = 32.0
"""The smallest maximum of a data set with real numbers from 0 to 255. A maximum between 1 and this is ambiguous."""


class PixelKind(Enum):
    """The kind of numbers in an image."""

    EIGHT_BIT = "8 bits a channel"
    WHOLE = "whole numbers"
    REAL = "real numbers"
    UPPER_HALF = "the upper 8 of 16 bits a channel"


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelRange:
    """The range of values of one image, or of one array of images. `whole` is true if all values are whole numbers."""

    kind: PixelKind
    lowest: float
    highest: float
    whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelScale:
    """The values of white, for whole and for real numbers; black is 0. None if a data set has no images of the kind."""

    white_of_whole: int | None = None
    white_of_real: float | None = None

    def eight_bit(self, pixels: NDArray[Any]) -> NDArray[np.uint8]:
        """Scale pixels of any type except 8 bits to 0 to 255. ValueError for values outside the scale."""
        values = range_of(pixels)
        white = self.white_of_whole if values.kind is PixelKind.WHOLE else self.white_of_real
        if white is None:
            white = _white([values])
        if values.highest > white * (1 + ROUNDING):
            raise ValueError(f"values up to {values.highest:g}, but those of its data set end at {white:g}")
        if white > 255:  # more than eight bits: the upper eight are kept
            upper: NDArray[np.uint8] = (pixels // 2 ** (int(white).bit_length() - 8)).astype(np.uint8)
            return upper
        scaled: NDArray[np.uint8] = np.rint(pixels * (255 / white)).clip(0, 255).astype(np.uint8)
        return scaled

    def ends_of(self, values: PixelRange) -> tuple[float, float]:
        """The darkest and the lightest value, scaled to 0 to 255."""
        whites = {PixelKind.WHOLE: self.white_of_whole, PixelKind.REAL: self.white_of_real}
        white = whites.get(values.kind) or 255
        return values.lowest * 255 / white, values.highest * 255 / white


EIGHT_BIT = PixelScale()
"""The scale of a data set whose images all have 8 bits a channel."""


def range_of(pixels: NDArray[Any]) -> PixelRange:
    """The kind and the range of pixels. ValueError for values that no scale can read."""
    if pixels.dtype == np.bool_:
        pixels = pixels.astype(np.uint16)
    if pixels.dtype.kind == "f":
        if not np.isfinite(pixels).all():
            raise ValueError("has values that are infinite or not a number")
        kind, whole = PixelKind.REAL, bool((pixels == np.rint(pixels)).all())
    else:
        kind, whole = (PixelKind.EIGHT_BIT if pixels.dtype == np.uint8 else PixelKind.WHOLE), True
    lowest, highest = (float(pixels.min()), float(pixels.max())) if pixels.size else (0.0, 0.0)
    if lowest < 0:
        raise ValueError(f"has negative values, {lowest:g} to {highest:g}; expected 0 or more")
    if highest > MOST:
        raise ValueError(f"has values up to {highest:g}; expected at most {MOST:,}, which are 16 bits")
    return PixelRange(kind=kind, lowest=lowest, highest=highest, whole=whole)


def scale_of(ranges: Iterable[tuple[str, PixelRange]]) -> PixelScale:
    """The scale of a data set, from the name and the range of each image or array. ValueError, with a name, if it is
    ambiguous."""
    named = list(ranges)
    whole = [(name, each) for name, each in named if each.kind is PixelKind.WHOLE]
    real = [(name, each) for name, each in named if each.kind is PixelKind.REAL]
    _check_upper_half([(name, each) for name, each in named if each.kind is PixelKind.UPPER_HALF])
    white_of_real = None
    if real:
        name, _ = max(real, key=lambda pair: pair[1].highest)
        try:
            white_of_real = _white([each for _, each in real])
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        if white_of_real > 1:
            _check_alike(name, real)
    return PixelScale(
        white_of_whole=int(_white([each for _, each in whole])) if whole else None, white_of_real=white_of_real
    )


def _white(ranges: list[PixelRange]) -> float:
    """The value of white. ValueError if it is ambiguous."""
    highest = max(each.highest for each in ranges)
    if all(each.whole for each in ranges):
        return float(2 ** next(bits for bits in BIT_DEPTHS if highest < 2**bits) - 1)
    if highest <= 1 + ROUNDING:
        return 1.0
    if LEAST_OF_255 <= highest <= 255 * (1 + ROUNDING):
        return 255.0
    raise ValueError(
        f"real numbers up to {highest:g} are ambiguous; expected 0 to 1, 0 to 255, or whole numbers of up to 16 bits"
    )


def _check_upper_half(named: list[tuple[str, PixelRange]]) -> None:
    """ValueError if the pixels use so few of the 16 bits that the upper 8 hold hardly any information."""
    if not named:
        return
    name, most = max(named, key=lambda pair: pair[1].highest)
    if most.highest < LEAST_OF_UPPER_HALF:
        raise ValueError(
            f"{name}: in colour with 16 bits a channel, of which only the upper 8 are read, but the images of that "
            f"kind use at most the lower {8 + int(most.highest).bit_length()}; save them with 8 bits a channel"
        )


def _check_alike(largest: str, real: list[tuple[str, PixelRange]]) -> None:
    """ValueError if one image seems to use the range 0 to 1 and another one a far larger range."""
    for name, each in real:
        if each.lowest < each.highest <= 1:
            raise ValueError(
                f"{name}: real numbers up to {each.highest:g}, but {largest} has others far above 1; "
                "expected one range for all images"
            )


def describe_scale(scale: PixelScale) -> dict[PixelKind, str]:
    """Lines for users that say how pixels without 8 bits were read, by their kind."""
    lines = {}
    if scale.white_of_whole is not None:
        bits = scale.white_of_whole.bit_length()
        lines[PixelKind.WHOLE] = f"whole numbers in wider types are read as {bits} bit{'' if bits == 1 else 's'}"
    if scale.white_of_real is not None:
        lines[PixelKind.REAL] = f"real numbers are read as 0 to {scale.white_of_real:g}"
    return lines

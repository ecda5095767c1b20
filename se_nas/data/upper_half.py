"""Files with 16 bits a channel of which Pillow decodes only the upper 8, without a warning.

Pillow has no mode for more than 8 bits in colour. PNG, TIFF, SGI and PPM can hold 16. JPEG 2000 can too, but there
Pillow's decoder rounds up and overflows, so that white becomes black.
"""

import re
from typing import Any

from PIL import Image

WHITE_OF_PPM = 1 << 14
"""A PPM with less as white is read by the range that it declares."""
SIZES_OF_JPEG_2000 = b"\xff\x4f\xff\x51"
"""The markers SOC and SIZ, with which a codestream begins (ISO/IEC 15444-1, A.4.1 and A.5.1)."""


def is_upper_half(image: Image.Image) -> bool:
    """Whether the image, opened and not loaded yet, is decoded by the upper 8 of 16 bits a channel."""
    return not is_numbers(image) and any(_halves(codec, args) for codec, _, _, args in _tiles(image))


def _halves(codec: str, args: Any) -> bool:
    """Whether a decoder of Pillow with these arguments drops the lower 8 of 16 bits."""
    arguments = args if isinstance(args, tuple) else (args,)
    if codec in ("ppm", "ppm_plain"):  # the last argument is the value of white
        return bool(arguments[-1] >= WHITE_OF_PPM)
    if codec == "sgi_rle":  # the last argument is the number of bytes a channel
        return bool(arguments[-1] == 2)
    layouts = [str(part) for part in arguments]
    return codec == "SGI16" or any(re.fullmatch(r"(L|LA|RGB[AXa]?|CMYK);16[BLN]", each) for each in layouts)


def overflows(image: Image.Image) -> bool:
    """Whether Pillow's decoder of JPEG 2000 overflows: in colour, with more than 8 bits a channel.

    Call it before Pillow loads the image, because its stream is closed afterwards.
    """
    is_jpeg_2000 = any(codec == "jpeg2k" for codec, *_ in _tiles(image))
    return is_jpeg_2000 and not is_numbers(image) and _bits_of_jpeg_2000(_content(image)) > 8


def _content(image: Image.Image) -> bytes:
    """The whole file of an image that is not loaded yet. Its stream stays where it is."""
    stream: Any = image.fp  # type: ignore[attr-defined]
    place = stream.tell()
    stream.seek(0)
    content: bytes = stream.read()
    stream.seek(place)
    return content


def _bits_of_jpeg_2000(content: bytes) -> int:
    """The most bits that the file declares for a channel; 0 if it has no such declaration."""
    start = content.find(SIZES_OF_JPEG_2000)
    if start < 0:
        return 0
    channels = int.from_bytes(content[start + 40 : start + 42], "big")
    declared = content[start + 42 : start + 42 + 3 * channels : 3]
    return max(((each & 0x7F) + 1 for each in declared), default=0)


def _tiles(image: Image.Image) -> list[tuple[str, Any, Any, Any]]:
    return list(getattr(image, "tile", ()))


def is_numbers(image: Image.Image) -> bool:
    """Whether its pixels are not 8 bits, which Pillow would clip."""
    return image.mode.startswith("I") or image.mode == "F"

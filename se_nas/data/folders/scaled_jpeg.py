"""JPEGs that are decoded at a fraction of their size, and are known by their compressed content.

The decoder computes 1/2, 1/4 or 1/8 of the pixels from as many coefficients of the cosine transform (libjpeg's scaled
decoding, Pillow's `draft`). It still reads the whole file, so a file that is cut off is noticed.
"""

from collections.abc import Iterator
from hashlib import sha1

from PIL import Image

SPARE = 2
"""A JPEG is decoded at this many times the wanted size at least, and then resized with antialiasing. Pillow's
`thumbnail` does the same."""
START_OF_SCAN = 0xDA
ADOBE = 0xEE
"""Markers of ITU-T T.81, table B.1. Adobe's segment says how the colours are stored."""
METADATA = frozenset({*range(0xE0, 0xF0), 0xFE}) - {ADOBE}
"""The markers APP0 to APP15, without Adobe's, and COM."""


def is_jpeg(image: Image.Image) -> bool:
    """Whether the image was opened from a JPEG."""
    return image.format in ("JPEG", "MPO")


def decode_scaled(image: Image.Image, size: int) -> float:
    """Let Pillow decode a JPEG, which is not loaded yet, at a fraction of its size if that is enough for `size` pixels
    a side. Returns the fraction: 1, 1/2, 1/4 or 1/8; 1 for other formats."""
    width = image.width
    drafted = image.draft(None, (SPARE * size, SPARE * size)) if is_jpeg(image) else None
    return 1.0 if drafted is None else drafted[1][2] / width


def content_digest(jpeg: bytes) -> str:
    """A hash of a JPEG file without its metadata: 16 hex digits."""
    digest = sha1(usedforsecurity=False)  # fast where processors have SHA
    for part in _parts(memoryview(jpeg)):
        digest.update(part)
    return digest.hexdigest()[:16]


def _parts(jpeg: memoryview) -> Iterator[memoryview]:
    """The segments before the first scan, without metadata, and everything from there on. In an unusual file,
    everything from the first unusual byte on."""
    place = 2
    while place + 4 <= len(jpeg) and jpeg[place] == 0xFF and jpeg[place + 1] != START_OF_SCAN:
        end = place + 2 + int.from_bytes(jpeg[place + 2 : place + 4])
        if jpeg[place + 1] not in METADATA:
            yield jpeg[place:end]
        place = end
    yield jpeg[place:]

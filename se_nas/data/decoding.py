"""The two ways in which image files are decoded and named. A search keeps the way with which it began."""

from enum import StrEnum


class Decoding(StrEnum):
    """The part of an image file that is decoded, and what its digest is computed from."""

    WHOLE = "whole"
    """All pixels are decoded, and the digest is that of the pixels. Earlier versions knew no other way."""
    SCALED = "scaled"
    """JPEGs are decoded at a fraction of their size if that is enough, and their digest is that of the compressed
    image without metadata. Other formats are decoded as a whole."""

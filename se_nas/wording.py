"""Text for people: numbers, SE patterns and suggestions."""

import difflib
import math
import re
from collections.abc import Iterable, Sequence
from itertools import groupby

UNITS = {"G": 1e9, "M": 1e6, "k": 1e3}

MOST_LISTED = 40
"""The largest number of words that a message lists."""

UNNAMED_SITES = ("inner", "place")
"""The site inside a block, and the only site at a place of a user's own network."""


def se_glyphs(tokens: Sequence[str]) -> str:
    """One glyph for each stage: a dot for no SE, else the reduction. Only the usual sites have no name.

    >>> se_glyphs(["none", "inner/4", "post/16 of site floor", "none,inner/4,inner/4"])
    '· 4 post/16 ·+4×2'
    """
    return " ".join(_glyph(token) for token in tokens)


def format_count(value: float) -> str:
    """A count with three digits and a unit.

    >>> format_count(401842848), format_count(98416), format_count(7)
    ('402M', '98.4k', '7')
    """
    for unit, size in UNITS.items():
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def parse_count(text: str) -> float:
    """Parse a text that `format_count` wrote. The message of a ValueError shows what a count looks like.

    >>> parse_count("120M"), parse_count("98.4k"), parse_count("7e3")
    (120000000.0, 98400.0, 7000.0)
    """
    number, unit = (text[:-1], text[-1]) if text[-1:] in UNITS else (text, "")
    try:
        count = float(number) * UNITS.get(unit, 1.0)
    except ValueError:
        count = math.nan
    if not 0 < count < math.inf:
        raise ValueError("expected a positive number, e.g. 120M or 98.4k")
    return count


def parse_amount(text: str) -> float:
    """Parse a real number that is not negative. The message of a ValueError shows what it looks like.

    >>> parse_amount("2.5")
    2.5
    """
    try:
        amount = float(text)
    except ValueError:
        amount = math.nan
    if not 0 <= amount < math.inf:
        raise ValueError("expected a number of at least 0, e.g. 2.5")
    return amount


def counted(count: int, noun: str, plural: str = "") -> str:
    """A number with its noun, which is in the plural unless the number is 1. Most plurals end in `s`.

    >>> counted(1, "epoch"), counted(8, "epoch"), counted(2, "box", "boxes")
    ('1 epoch', '8 epochs', '2 boxes')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def format_duration(seconds: float) -> str:
    """A duration as minutes and seconds, with hours if it is that long.

    >>> format_duration(67), format_duration(7384.2)
    ('1:07', '2:03:04')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def format_value(value: object) -> str:
    """The value of a decision as text. A real number gets four digits.

    >>> format_value(0.123456), format_value(8), format_value("inner")
    ('0.1235', '8', 'inner')
    """
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def printable(text: str) -> str:
    """The text with line breaks, escapes and direction marks as codes, so that a terminal or a page only shows them.

    >>> printable("red\\x1b[31m\\n")
    'red\\\\x1b[31m\\\\n'
    """
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def as_folder_name(text: str) -> str:
    """The text as a folder name. Letters, digits, `_`, `.` and `-` stay; each run of other characters becomes one `-`.

    >>> as_folder_name("<img src=x>[bold] red\\x1b[31m")
    'img-src-x-bold-red-31m'
    """
    return re.sub(r"[^\w.-]+", "-", text).strip("-.") or "data"


def suggest(given: str, known: Iterable[str]) -> str:
    """A hint for a mistyped word: the most similar known word, or all known words if none is similar. If more than
    `MOST_LISTED` words are known, a few of them are listed as examples.

    >>> suggest("tpee", ["tpe", "random"]), suggest("x", ["tpe", "random"])
    ('did you mean tpe?', 'known: tpe, random')
    >>> suggest("x", map(str, range(10, 90)))
    '80 are known, for example 10, 20, 30, 40, 50, 60, 70, 80'
    """
    known = list(known)
    near = difflib.get_close_matches(given, known, n=1)
    if near:
        return f"did you mean {near[0]}?"
    if len(known) <= MOST_LISTED:
        return f"known: {', '.join(known)}"
    return f"{len(known)} are known, for example {', '.join(known[:: -(-len(known) // 8)])}"


def _glyph(token: str) -> str:
    """The glyph of a stage. If its blocks differ, the glyphs of runs of equal blocks, joined by +."""
    runs = [(glyph, len(list(run))) for glyph, run in groupby(map(_block_glyph, token.split(",")))]
    return runs[0][0] if len(runs) == 1 else "+".join(glyph if n == 1 else f"{glyph}×{n}" for glyph, n in runs)


def _block_glyph(token: str) -> str:
    if token == "none":
        return "·"
    site, slash, rest = token.partition("/")
    if not slash:
        return token
    ratio = rest.split(" ")[0]
    return ratio if site in UNNAMED_SITES else f"{site}/{ratio}"

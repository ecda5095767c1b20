"""Numbers, SE patterns and hints as people read them."""

import difflib
import math
import re
from collections.abc import Iterable, Sequence

UNITS = {"G": 1e9, "M": 1e6, "k": 1e3}


def se_glyphs(tokens: Sequence[str]) -> str:
    """One glyph a stage: a dot for none, else the reduction ratio; other sites than inner are named.

    >>> se_glyphs(["none", "inner/4", "post/16 of site"])
    '· 4 post/16'
    """
    return " ".join(_glyph(token) for token in tokens)


def format_count(value: float) -> str:
    """Three digits and a unit.

    >>> format_count(401842848), format_count(98416), format_count(7)
    ('402M', '98.4k', '7')
    """
    for unit, size in UNITS.items():
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def parse_count(text: str) -> float:
    """Read what `format_count` writes; ValueError says what a count looks like.

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


def format_cost(name: str, value: float) -> str:
    """A cost with its unit: latency in milliseconds, the others as counts."""
    return f"{value:.2f} ms" if name == "latency" else format_count(value)


def counted(count: int, noun: str) -> str:
    """A number with its noun, in the plural unless it is one.

    >>> counted(1, "epoch"), counted(8, "epoch")
    ('1 epoch', '8 epochs')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def format_duration(seconds: float) -> str:
    """Minutes and seconds, and hours if there are any.

    >>> format_duration(67), format_duration(7384.2)
    ('1:07', '2:03:04')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def format_value(value: object) -> str:
    """The value of a decision; a real number with four digits.

    >>> format_value(0.123456), format_value(8), format_value("inner")
    ('0.1235', '8', 'inner')
    """
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def printable(text: str) -> str:
    """Line breaks, escapes and direction marks as their codes, so that a terminal or a page shows and does nothing.

    >>> printable("red\\x1b[31m\\n")
    'red\\\\x1b[31m\\\\n'
    """
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def as_folder_name(text: str) -> str:
    """Letters, digits, `_`, `.` and `-` as they are, and a `-` for what else is between them.

    >>> as_folder_name("<img src=x>[bold] red\\x1b[31m")
    'img-src-x-bold-red-31m'
    """
    return re.sub(r"[^\w.-]+", "-", text).strip("-.") or "data"


def suggest(given: str, known: Iterable[str]) -> str:
    """What was meant by a mistyped word, or else all that could be.

    >>> suggest("tpee", ["tpe", "random"]), suggest("x", ["tpe", "random"])
    ('did you mean tpe?', 'known: tpe, random')
    """
    known = list(known)
    near = difflib.get_close_matches(given, known, n=1)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"


def _glyph(token: str) -> str:
    if token == "none":
        return "·"
    if "," in token:
        return "+".join(_glyph(part) for part in token.split(","))
    return token.removesuffix(" of site").removeprefix("inner/")

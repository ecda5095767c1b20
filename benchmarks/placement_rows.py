"""The rows of an open table of SE placement, and the names of its placements. `placement_table.py` makes the tables."""

import csv
from collections.abc import Sequence
from pathlib import Path

COLUMNS = ("placement", "seed", "epoch", "accuracy", "loss", "params", "flops")
NOWHERE = "nowhere"

Rows = list[dict[str, str]]


def placement_name(se: Sequence[str]) -> str:
    """The name of a placement by its tokens: the numbers of its stages with SE.

    >>> placement_name(["none", "inner/4", "inner/4"]), placement_name(["none", "none"])
    ('2+3', 'nowhere')
    """
    return "+".join(str(stage) for stage, token in enumerate(se, start=1) if token != "none") or NOWHERE


def read_rows(out: Path) -> Rows:
    """The rows of a table; none if it does not exist yet."""
    if not out.exists():
        return []
    with out.open(newline="") as file:
        return list(csv.DictReader(file))

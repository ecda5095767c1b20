"""The checked rows of an open table of SE placement, and the names of placements. `placement_table.py` makes tables."""

import csv
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from se_nas.errors import InputError

COLUMNS = ("placement", "seed", "epoch", "accuracy", "loss", "params", "flops")
NOWHERE = "nowhere"
MOST_STAGES = 16
"""No trunk of an open table has more stages."""

Rows = list[dict[str, str]]


def placement_name(se: Sequence[str]) -> str:
    """The name of a placement by its tokens: the numbers of its stages with SE.

    >>> placement_name(["none", "inner/4", "inner/4"]), placement_name(["none", "none"])
    ('2+3', 'nowhere')
    """
    return "+".join(str(stage) for stage, token in enumerate(se, start=1) if token != "none") or NOWHERE


def stages_of(name: str) -> list[int]:
    """The numbers of a placement's stages with SE. ValueError if it is not the name of a placement.

    >>> stages_of("2+3"), stages_of("nowhere")
    ([2, 3], [])
    """
    stages = [] if name == NOWHERE else [int(stage) for stage in name.split("+")]
    if not all(0 < stage <= MOST_STAGES for stage in stages):
        raise ValueError(name)
    return stages


def _fraction(text: str) -> float:
    """A number from 0 to 1. ValueError for any other text."""
    if not 0 <= float(text) <= 1:
        raise ValueError(text)
    return float(text)


READERS: Mapping[str, Callable[[str], object]] = {
    "placement": stages_of,
    "seed": int,
    "epoch": int,
    "accuracy": _fraction,
    "params": int,
    "flops": int,
}
"""The columns that benchmarks read, and the functions that read a cell."""
OF_ACCURACY = ("placement", "seed", "epoch", "accuracy")
"""The columns that are needed for the accuracy of each training."""


def read_rows(out: Path) -> Rows:
    """The rows of a table; none if it does not exist yet."""
    if not out.exists():
        return []
    with out.open(newline="") as file:
        return list(csv.DictReader(file))


def checked_rows(path: Path, columns: Collection[str] = READERS.keys(), *, optional: Collection[str] = ()) -> Rows:
    """The rows of a file. InputError if there are none, or if a cell is not what its column holds.

    A column or a cell of an `optional` column may be missing.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a CSV file of placement_table.py")
    try:
        rows = read_rows(path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: expected a CSV file of placement_table.py, but {error}") from None
    if not rows:
        raise InputError(f"{path}: expected rows of placement_table.py, but it is empty")
    if missing := [column for column in columns if column not in rows[0]]:
        raise InputError(f"{path}: columns are missing: {', '.join(missing)}")
    for number, row in enumerate(rows, start=1):
        for column in (*columns, *(each for each in optional if row.get(each))):
            try:
                READERS[column](row[column] or "")
            except ValueError:
                raise InputError(f"{path}: row {number} has no valid {column}: {row[column] or 'nothing'}") from None
    return rows


@dataclass(frozen=True, slots=True)
class LastEpoch:
    """The accuracies by placement and seed after the last epoch of a table.

    A training that ended earlier cannot be compared with the others. `unfinished` counts these.
    """

    epoch: int
    accuracies: Mapping[str, Mapping[int, float]]
    unfinished: int

    @classmethod
    def of(cls, rows: Rows) -> "LastEpoch":
        """The last epoch of the rows (at least 1), which may be those of several tables.

        >>> row = {"placement": "1", "seed": "0", "epoch": "2", "accuracy": "0.5"}
        >>> LastEpoch.of([row | {"epoch": "1"}, row, row | {"seed": "1", "epoch": "1"}])
        LastEpoch(epoch=2, accuracies={'1': {0: 0.5}}, unfinished=1)
        """
        last = max(int(row["epoch"]) for row in rows)
        accuracies: dict[str, dict[int, float]] = defaultdict(dict)
        for row in rows:
            if int(row["epoch"]) == last:
                accuracies[row["placement"]][int(row["seed"])] = float(row["accuracy"])
        begun = {(row["placement"], int(row["seed"])) for row in rows}
        return cls(last, dict(accuracies), len(begun) - sum(map(len, accuracies.values())))

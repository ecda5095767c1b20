"""The rows of an open table of placements, also of a table that was interrupted."""

from pathlib import Path

import pytest
from designed_experiment import read_table
from placement_rows import OF_ACCURACY, LastEpoch, checked_rows

HEADER = ",".join(OF_ACCURACY)
WHOLE = ["nowhere,0,1,0.25", "nowhere,0,2,0.5", "1,0,1,0.375", "1,0,2,0.75"]


def write(path: Path, *rows: str) -> Path:
    path.write_text("\n".join([HEADER, *rows]))
    return path


@pytest.mark.parametrize(
    ("cut", "unfinished"),
    [([], 0), (["nowhere,1,1,0.9"], 1), (["nowhere,1,1,0.9", "2,0,1,0.9", "2,1,1,0.9"], 3)],
)
def test_a_training_that_ended_early_is_left_out_by_every_reader(
    tmp_path: Path, cut: list[str], unfinished: int
) -> None:
    path = write(tmp_path / "table.csv", *cut, *WHOLE)

    last = LastEpoch.of(checked_rows(path, OF_ACCURACY))

    assert last == LastEpoch(2, {"nowhere": {0: 0.5}, "1": {0: 0.75}}, unfinished)
    assert read_table(path) == {("nowhere", 0): 0.5, ("1", 0): 0.75}


def test_epochs_count_as_numbers_in_any_order_of_the_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "table.csv", *(f"nowhere,0,{epoch},{epoch / 100}" for epoch in (10, 9, 2, 1)))

    assert LastEpoch.of(checked_rows(path, OF_ACCURACY)) == LastEpoch(10, {"nowhere": {0: 0.1}}, 0)

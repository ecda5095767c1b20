"""What an open table of all placements says, and what a table must have."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import read_table

HEADER = "placement,seed,epoch,accuracy,loss,params,flops"
GAINS = (0.05, -0.03, 0.0)
"""The gain of SE in each stage of a made-up table."""


def made_up_rows(stages: int, seeds: int = 4) -> list[str]:
    rng = np.random.default_rng(0)
    rows = []
    for seed, chosen in product(range(seeds), product((False, True), repeat=stages)):
        name = "+".join(str(stage) for stage, is_on in enumerate(chosen, start=1) if is_on) or "nowhere"
        accuracy = 0.5 + sum(gain for gain, is_on in zip(GAINS, chosen, strict=False) if is_on)
        for epoch in (1, 2):
            noise = 0.001 * rng.standard_normal()
            rows.append(f"{name},{seed},{epoch},{accuracy * epoch / 2 + noise:.4f},1.0,{100 + sum(chosen)},200")
    return rows


def read(path: Path, *flags: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["read_table.py", str(path), *flags])
    read_table.main()


@pytest.mark.parametrize("stages", [1, 2, 3])
def test_a_table_shows_the_gain_of_each_stage_and_what_strategies_find(
    tmp_path: Path, stages: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "table.csv"
    path.write_text("\n".join([HEADER, *made_up_rows(stages)]))

    read(path, "--repeats", "1", monkeypatch=monkeypatch)

    said = capsys.readouterr().out
    for stage in range(1, stages + 1):
        (line,) = (line for line in said.splitlines() if line.startswith(f"SE in stage {stage}: "))
        assert float(line.split()[4]) == pytest.approx(100 * GAINS[stage - 1], abs=0.15)
    assert f"{4 * 2**stages} trainings" in said
    assert "after epoch 2: tau +1.00 of the means" in said
    (designed,) = (line for line in said.splitlines() if line.strip().startswith("designed experiment"))
    assert "0.00 (100 %)" in designed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        (HEADER, "it is empty"),
        ("placement,seed,accuracy\nnowhere,0,0.5", "columns are missing: epoch, params, flops"),
        (f"{HEADER}\nnowhere,0,1,0.5,1.0,100,100", "expected nowhere and all other placements"),
        (f"{HEADER}\n1,0,1,0.5,1.0,100,100\n2,0,1,0.5,1.0,100,100", "but got 1, 2"),
        (f"{HEADER}\nnowhere,0,1,0.5", "row 1 has no valid params: nothing"),
        (f"{HEADER}\nnowhere,0,1,nan,1.0,100,100", "row 1 has no valid accuracy: nan"),
        (f"{HEADER}\nstage 1,0,1,0.5,1.0,100,100", "row 1 has no valid placement: stage 1"),
        ("\n".join([HEADER, *made_up_rows(2)[:-1]]), "each of 4 seeds and 2 epochs"),
        ("\n".join([HEADER, *made_up_rows(1, seeds=1)]), "2 trainings are too few"),
    ],
)
def test_a_table_that_cannot_be_read_is_named_in_one_line(
    tmp_path: Path, text: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "table.csv"
    path.write_text(text)

    with pytest.raises(SystemExit):
        read(path, monkeypatch=monkeypatch)

    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith("read_table.py: error: ")
    assert said in last


@pytest.mark.parametrize("name", ["missing.csv", "."])
def test_a_table_that_is_no_file_is_named(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        read(tmp_path / name, monkeypatch=monkeypatch)

    assert "no such file" in capsys.readouterr().err

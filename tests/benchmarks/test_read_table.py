"""What an open table of all placements says, and what a table must have."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import read_table

from se_nas.analysis.supernet_scores import ScoredPlacement, SupernetScores
from se_nas.files import write_checked
from se_nas.runs.supernet_file import write_scores

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


def write_supernet(path: Path, stages: int, gains: tuple[float, ...]) -> None:
    placements = tuple(
        ScoredPlacement(
            options=options,
            se=tuple("inner/4" if is_on else "none" for is_on in options),
            fingerprint=f"network {options}",
            modules=sum(options),
            accuracy=0.4 + sum(gain * is_on for gain, is_on in zip(gains, options, strict=False)),
            cost={"params": 100.0 + sum(options)},
        )
        for options in product((0, 1), repeat=stages)
    )
    names = tuple(f"stage{stage}" for stage in range(1, stages + 1))
    options = (("none", "inner/4"),) * stages
    scores = SupernetScores(trunk="", switches=names, options=options, count=2**stages, placements=placements)
    write_scores(path, scores, about={"identity": "", "seconds": {"training": 1.0, "reading": 1.0}}, trust=None)


def write_choices(path: Path, *chosen: tuple[float, list[str]]) -> None:
    write_checked(path, {"choices": [{"price": price, "se": se} for price, se in chosen]})


def test_searches_by_a_good_supernet_and_by_gates_name_the_best_placement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table, supernet, gates = (tmp_path / name for name in ("t.csv", "supernet.json", "differentiable.json"))
    table.write_text("\n".join([HEADER, *made_up_rows(3)]))
    write_supernet(supernet, 3, GAINS)
    write_choices(gates, (0.1, ["none"] * 3), (0.0, ["inner/4", "none", "inner/4"]), (0.3, ["inner/4", "none", "none"]))

    read(table, "--repeats", "2", "--supernet", str(supernet), "--differentiable", str(gates), monkeypatch=monkeypatch)

    said = capsys.readouterr().out
    for way in ("supernet", "order of the supernet", "differentiable"):
        assert [line for line in said.splitlines() if line.strip().startswith(f"{way}  ")], way
    (ordered,) = (line.strip() for line in said.splitlines() if line.strip().startswith("order of the supernet"))
    after_four_trainings = float(ordered.removeprefix("order of the supernet").split()[0])
    assert after_four_trainings < 0.2
    assert "the model asked for the supernet's prior 0 times" in said  # it proposes only after all 8 were tried


@pytest.mark.parametrize("flag", ["--supernet", "--differentiable"])
@pytest.mark.parametrize("fault", ["missing", "empty", "of another trunk"])
def test_a_supernet_or_gates_of_another_table_are_refused_in_one_line(
    tmp_path: Path, flag: str, fault: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table, path = tmp_path / "t.csv", tmp_path / "found.json"
    table.write_text("\n".join([HEADER, *made_up_rows(1)]))
    if fault == "empty":
        path.write_text("")
    elif fault == "of another trunk":
        write_supernet(path, 3, GAINS) if flag == "--supernet" else write_choices(path, (0.0, ["none", "x", "x"]))

    with pytest.raises(SystemExit):
        read(table, flag, str(path), monkeypatch=monkeypatch)

    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith(f"read_table.py: error: {path}: ")

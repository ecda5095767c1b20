"""The comparison of a supernet's ranking with an open table."""

from itertools import product
from pathlib import Path

import pytest
import supernet_trust
from placement_rows import placement_name

from se_nas.analysis.supernet_scores import ScoredPlacement, SupernetScores
from se_nas.runs.supernet_file import write_scores

PLACEMENTS = list(product((0, 1), repeat=3))


def write_supernet(path: Path, accuracies: list[float], flops: float = 100.0, trunk: str = "") -> None:
    placements = tuple(
        ScoredPlacement(
            options=options,
            se=tuple("inner/4" if is_on else "none" for is_on in options),
            fingerprint=str(options),
            modules=sum(options),
            accuracy=accuracy,
            cost={"params": 100.0 + sum(options), "flops": flops},
        )
        for options, accuracy in zip(PLACEMENTS, accuracies, strict=True)
    )
    names = ("stage1", "stage2", "stage3")
    scores = SupernetScores(
        trunk=trunk, switches=names, options=(("none", "inner/4"),) * 3, count=8, placements=placements
    )
    write_scores(path, scores, about={"identity": "", "seconds": {"training": 8.0, "reading": 1.0}}, trust=None)


def write_table(path: Path, accuracies: list[float]) -> None:
    rows = ["placement,seed,epoch,accuracy,loss,params,flops"]
    for options, accuracy in zip(PLACEMENTS, accuracies, strict=True):
        name = placement_name(["x" if is_on else "none" for is_on in options])
        rows += [f"{name},{seed},{epoch},{accuracy * epoch / 2},1.0,100,100" for seed in (0, 1) for epoch in (1, 2)]
    path.write_text("\n".join(rows) + "\n")


def compared(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *flags: str) -> str:
    monkeypatch.setattr("sys.argv", ["supernet_trust.py", str(folder / "s.json"), str(folder / "t.csv"), *flags])
    supernet_trust.main()
    return " ".join(capsys.readouterr().out.split())


def test_a_supernet_is_compared_with_what_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    accuracies = [0.5, 0.7, 0.4, 0.8, 0.3, 0.9, 0.2, 0.6]
    write_supernet(tmp_path / "s.json", accuracies)
    write_table(tmp_path / "t.csv", accuracies)

    said = compared(tmp_path, monkeypatch, capsys)

    assert "8 placements, 2 to 2 seeds each, 2 epochs" in said
    assert "the supernet +1.00" in said
    assert "all placements equal +0.00" in said
    assert "the supernet's best placement is number 1 of 8 in the table, 0.00 points below its best" in said


def test_the_mean_of_several_supernets_is_compared_beside_each_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    accuracies = [0.5, 0.7, 0.4, 0.8, 0.3, 0.9, 0.2, 0.6]
    write_supernet(tmp_path / "s.json", [value + 0.3 * (index < 4) for index, value in enumerate(accuracies)])
    write_supernet(tmp_path / "other.json", [value - 0.3 * (index < 4) for index, value in enumerate(accuracies)])
    write_table(tmp_path / "t.csv", accuracies)

    said = compared(tmp_path, monkeypatch, capsys, "--seeds", str(tmp_path / "other.json"))

    assert "the supernet +1.00" in said
    for number in (1, 2):
        assert f"supernet {number} alone" in said
        assert f"supernet {number} alone +1.00" not in said


def test_supernets_of_different_trunks_have_no_mean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_supernet(tmp_path / "s.json", [0.5] * 8)
    write_supernet(tmp_path / "other.json", [0.5] * 8, trunk="another")
    write_table(tmp_path / "t.csv", [0.5] * 8)

    with pytest.raises(SystemExit, match="--seeds: the supernets have different trunks"):
        compared(tmp_path, monkeypatch, capsys, "--seeds", str(tmp_path / "other.json"))


def test_a_file_that_is_no_table_gets_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_supernet(tmp_path / "s.json", [0.5] * 8)
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")

    with pytest.raises(SystemExit, match="columns are missing: placement, seed, epoch, accuracy"):
        compared(tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize("flops", [25.0, 98.0, 400.0])
def test_a_supernet_at_another_image_size_than_the_table_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], flops: float
) -> None:
    write_supernet(tmp_path / "s.json", [0.5] * 8, flops)
    write_table(tmp_path / "t.csv", [0.5] * 8)

    with pytest.raises(SystemExit, match=rf"SE nowhere has {flops:.0f} FLOPs, but 100 in the table; .*--image-size"):
        compared(tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize("cell", ["many", "1.5", "nan"])
def test_flops_that_are_no_whole_number_get_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], cell: str
) -> None:
    write_supernet(tmp_path / "s.json", [0.5] * 8)
    write_table(tmp_path / "t.csv", [0.5] * 8)
    table = (tmp_path / "t.csv").read_text()
    (tmp_path / "t.csv").write_text(f"{table[: table.rindex(',') + 1]}{cell}\n")

    with pytest.raises(SystemExit, match=f"row 32 has no valid flops: {cell}"):
        compared(tmp_path, monkeypatch, capsys)

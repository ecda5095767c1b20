"""The tables of learning curves that searches are replayed on, read and recorded."""

from pathlib import Path

import numpy as np
import pytest
import record_curves
from replay import load_curve_tables


def test_a_file_holds_one_table_or_several(tmp_path: Path) -> None:
    np.savez(tmp_path / "own_curves.npz", acc=[[0.25, 0.5]], macs=[10])
    np.savez(tmp_path / "lcbench_curves.npz", a_val_acc=[[50.0, 75.0]], a_macs=[1], b_val_acc=[[0.5, 0.75]], b_macs=[2])
    np.savez(tmp_path / "grid.npz", acc=[[1.0]], macs=[1])
    tables = {table.name: table for table in load_curve_tables(tmp_path)}
    assert list(tables) == ["lcbench_a", "lcbench_b", "own"]
    assert tables["lcbench_a"].curves.tolist() == tables["lcbench_b"].curves.tolist() == [[0.5, 0.75]]
    assert tables["own"].curves.tolist() == [[0.25, 0.5]]
    assert tables["own"].macs.tolist() == [10]


def test_networks_of_a_space_are_trained_to_the_end_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "new" / "digits_curves.npz"
    arguments = "--space search_spaces/small.yaml --data digits --networks 2 --epochs 2 --processes 1"
    monkeypatch.setattr("sys.argv", ["record_curves.py", *arguments.split(), "--out", str(out)])
    record_curves.main()
    (table,) = load_curve_tables(out.parent)
    assert table.curves.shape == (2, 2)
    assert table.curves[:, -1].min() > 0.15  # a tenth is chance
    assert len(np.unique(table.macs)) == 2

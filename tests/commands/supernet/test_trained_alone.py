from pathlib import Path
from types import SimpleNamespace
from typing import Any

from se_nas.commands.shared_weights.trained_alone import of_shared_seeds, trained_alone
from se_nas.files import write_checked
from se_nas.objective_metric import ACCURACY
from se_nas.runs.run_folder import RunFolder

NO_TRIALS: Any = SimpleNamespace(records=[])


def test_accuracies_over_different_seeds_are_not_compared() -> None:
    """Seed 1 is easy, and only one network has it."""
    accuracies, seeds = of_shared_seeds({"a": {"0": 0.5, "1": 0.9}, "b": {"0": 0.6}, "c": {"0": 0.7}})

    assert accuracies == {"a": 0.5, "b": 0.6, "c": 0.7}
    assert seeds == ["0"]


def test_a_network_without_the_shared_seeds_is_left_out() -> None:
    accuracies, seeds = of_shared_seeds({"a": {"0": 0.5, "1": 0.7}, "b": {"0": 0.6, "1": 0.6}, "c": {"2": 0.9}})

    assert accuracies.keys() == {"a", "b"}
    assert seeds == ["0", "1"]
    assert of_shared_seeds({}) == ({}, [])


def test_a_damaged_ablation_gets_a_line_and_the_source_has_a_name(tmp_path: Path) -> None:
    networks = [{"fingerprint": name, "accuracies": {"0": 0.5, "1": 0.6}} for name in ("a", "b")]
    write_checked(tmp_path / "ablate-0000.json", {"networks": networks})
    write_checked(tmp_path / "ablate-0001.json", {"networks": 3})
    write_checked(tmp_path / "ablate-0002.json", {"networks": [{}]})
    (tmp_path / "ablate-0003.json").write_text("")
    write_checked(tmp_path / "ablate-0004.json", {"networks": networks, "metric": "balanced_accuracy"})
    lines: list[str] = []

    found = trained_alone(RunFolder(tmp_path), NO_TRIALS, {"a", "b"}, ACCURACY, lines.append)

    assert found.source == "ablate-0000.json, 2 seeds each"
    assert found.accuracies.keys() == {"a", "b"}
    assert "another metric than accuracy" in lines.pop()
    assert [f"ablate-{number:04d}.json: damaged" in line for number, line in enumerate(lines, start=1)] == [True] * 3

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from se_nas.errors import InputError, RunFailedError
from se_nas.experiment import ablate, evaluation
from se_nas.experiment.ablation_file import load_ablations
from se_nas.experiment.request import AblateRequest
from se_nas.experiment.run_folder import RunFolder
from se_nas.models.cost import measure_cost
from se_nas.space.architecture_file import load_architecture
from se_nas.space.placements import placements


def ablated(run: Path, console: Console, *, pick: str = "knee", **changes: Any) -> dict[str, Any]:
    request = AblateRequest(network=f"{run}:{pick}", **{"seeds": 2, "workers": 1, **changes})
    request.check()
    ablate.ablate(request, console)
    (path,) = run.glob("ablate-*.json")
    return dict(json.loads(path.read_text()))


def test_the_networks_are_those_of_the_trunk_each_once_on_equal_seeds(searched: Path, console: Console) -> None:
    found = ablated(searched, console, pick="0")

    expected = placements(load_architecture(RunFolder(searched).architecture(0)))
    networks = {network["name"]: network for network in found["networks"]}
    assert {network["fingerprint"] for network in networks.values()} == {
        architecture.fingerprint() for architecture in expected.values()
    }
    assert len({network["fingerprint"] for network in networks.values()}) == len(networks)
    assert all(set(network["accuracies"]) == {"0", "1"} for network in networks.values())
    for name, network in networks.items():
        counted = measure_cost(expected[name], image_size=8, num_classes=2).as_dict()
        assert {cost: network["cost"][cost] for cost in counted} == counted


def test_each_stage_has_its_gain_and_what_it_costs(searched: Path, console: Console) -> None:
    found = ablated(searched, console, pick="0")

    networks = {network["name"]: network for network in found["networks"]}
    effects = {effect["where"]: effect for effect in found["effects"]}
    variants = placements(load_architecture(RunFolder(searched).architecture(0)))
    for stage in (1, 2):
        effect = effects[f"in stage {stage}"]
        (switched,) = [name for name in variants if f"stage {stage}" in name]
        assert effect["added"]["params"] > 0
        assert effect["gain"]["seeds"] == 2
        if switched in networks:
            sign = 1 if "without" in switched else -1
            difference = [
                networks["found"]["accuracies"][seed] - networks[switched]["accuracies"][seed] for seed in ("0", "1")
            ]
            assert effect["gain"]["mean"] == pytest.approx(sign * sum(difference) / 2)


def test_terminal_and_report_tell_of_it(searched: Path, console: Console) -> None:
    ablated(searched, console)

    assert "What SE is worth in trial" in console.file.getvalue()  # type: ignore[attr-defined]
    assert "What is SE worth?" in (searched / "report.html").read_text()
    assert len(load_ablations(RunFolder(searched))) == 1


def test_again_it_trains_nothing(searched: Path, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ablated(searched, console)

    def never(self: Any, task: Any) -> Any:
        raise AssertionError("trained again")

    monkeypatch.setattr(evaluation.TrialEvaluation, "__call__", never)
    again = ablated(searched, console)

    assert [effect["gain"] for effect in again["effects"]] == [effect["gain"] for effect in first["effects"]]


def test_if_all_trainings_fail_it_says_so(searched: Path, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no luck")

    monkeypatch.setattr(evaluation, "build_initial_model", broken)

    with pytest.raises(RunFailedError, match=r"too many trainings failed: .* two common seeds are needed"):
        ablated(searched, console)


def test_a_network_without_its_run_is_refused() -> None:
    with pytest.raises(InputError, match="knee: expected RUN_DIR:TRIAL"):
        ablate.ablate(AblateRequest(network="knee"), Console())


def test_a_damaged_file_is_one_clear_line(searched: Path, console: Console) -> None:
    ablated(searched, console)
    (path,) = searched.glob("ablate-*.json")
    path.write_text('{"effects": [{"gain": 3}]}')

    with pytest.raises(InputError, match=r"damaged; delete it, or run launch/ablate\.py again"):
        load_ablations(RunFolder(searched))

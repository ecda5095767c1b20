import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from se_nas.commands.ablate import ablate
from se_nas.commands.ablate.contrasts import plan_ablation
from se_nas.commands.ablate.flags import AblateRequest
from se_nas.commands.report.writing import write_report
from se_nas.commands.run_loading import load_progress
from se_nas.commands.search import evaluation
from se_nas.errors import InputError, RunFailedError
from se_nas.models.cost import measure_cost
from se_nas.runs.ablation_file import ablation_files, load_ablation
from se_nas.runs.run_folder import RunFolder
from se_nas.searching.tasks import EpochReport
from se_nas.space.architecture import Architecture
from se_nas.space.files.architecture_file import load_architecture
from tests.fakes import network_with_se

EVERYWHERE = "everywhere (RegNetY)"


def ablated(run: Path, console: Console, *, pick: str = "knee", **changes: Any) -> dict[str, Any]:
    request = AblateRequest(network=f"{run}:{pick}", **{"seeds": 2, "workers": 1, "wandb": "off", **changes})
    request.check()
    ablate.ablate(request, console)
    (path,) = run.glob("ablate-*.json")
    return dict(json.loads(path.read_text()))


def test_each_variant_of_the_trunk_is_trained_once_on_equal_seeds(searched: Path, console: Console) -> None:
    found = ablated(searched, console, pick="0")

    expected, _ = plan_ablation(load_architecture(RunFolder(searched).architecture(0)))
    page, said = (searched / "report.html").read_text(), console.file.getvalue()  # type: ignore[attr-defined]
    for column in ("points, 95 %", "per 1k", "per 0.1 ms"):
        assert column in " ".join(page.split())
    assert "points per" in said
    networks = {network["name"]: network for network in found["networks"]}
    assert {network["fingerprint"] for network in networks.values()} == {
        architecture.fingerprint() for architecture in expected.values()
    }
    assert len({network["fingerprint"] for network in networks.values()}) == len(networks)
    assert all(set(network["accuracies"]) == {"0", "1"} for network in networks.values())
    for name, network in networks.items():
        counted = measure_cost(expected[name], image_size=8, num_classes=2).as_dict()
        assert {cost: network["cost"][cost] for cost in counted} == counted


@pytest.mark.parametrize(
    ("tokens", "comparisons"),
    [
        (("inner/4", "none"), [f"{EVERYWHERE}, not nowhere", "in stage 1 (as found)", "in stage 2"]),
        (("none", "none"), [f"{EVERYWHERE}, not nowhere", "in stage 1", "in stage 2"]),
        (("inner/4", "inner/4"), ["as found, not nowhere", "in stage 1", "in stage 2"]),
        (
            ("inner/2", "inner/2"),
            [
                "as found, not nowhere",
                f"{EVERYWHERE}, not nowhere",
                f"{EVERYWHERE}, not as found",
                "in stage 1",
                "in stage 2",
            ],
        ),
        (
            ("inner/4", "none", "inner/4"),
            ["as found, not nowhere", f"{EVERYWHERE}, not nowhere", "in stage 1", "in stage 2", "in stage 3"],
        ),
    ],
    ids=["one stage", "none", "all", "all, but wider than RegNetY's", "two of three"],
)
def test_every_comparison_is_made_once_and_no_network_is_compared_with_itself(
    tokens: tuple[str, ...], comparisons: list[str]
) -> None:
    trained, contrasts = plan_ablation(network_with_se(*tokens))

    assert len({one.fingerprint() for one in trained.values()}) == len(trained)
    assert [f"{one.where}, not {one.over}" if one.over else one.where for one in contrasts] == comparisons
    assert len({(one.with_se, one.without) for one in contrasts}) == len(contrasts)
    for one in contrasts:
        assert {one.with_se, one.without} <= set(trained)


def test_the_gain_of_a_stage_is_the_gain_of_se_in_it(
    searched: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If SE in stage 2 is worth 10 points and SE in stage 1 costs 5, both are found, whatever SE the network has."""

    def pretended(self: Any, task: Any) -> Any:
        stages = task.architecture.stages
        worth = 0.1 * (stages[1].se[0] is not None) - 0.05 * (stages[0].se[0] is not None)
        curve = [0.5 + worth + 0.001 * task.seed] * 4
        self.results.write_finished(task, curve=curve, seconds=1.0, cost={}, metrics={})
        for epoch, accuracy in enumerate(curve, start=1):
            yield EpochReport(epoch=epoch, accuracy=accuracy, seconds=0.1)

    monkeypatch.setattr(evaluation.TrialEvaluation, "__call__", pretended)
    for trial in range(6):
        request = AblateRequest(network=f"{searched}:{trial}", seeds=2, workers=1, wandb="off")
        ablate.ablate(request, console)
        found = json.loads((searched / f"ablate-{trial:04d}.json").read_text())
        gains = {effect["where"].removesuffix(" (as found)"): effect["gain"]["mean"] for effect in found["effects"]}

        assert gains["in stage 1"] == pytest.approx(-0.05)
        assert gains["in stage 2"] == pytest.approx(0.1)
        of_se = [effect for effect in found["effects"] if effect["over"] != "as found"]  # SE may be wider in others
        assert all(effect["added"]["params"]["amount"] > 0 for effect in of_se)


def test_terminal_and_report_show_the_ablation(searched: Path, console: Console) -> None:
    ablated(searched, console)

    assert "What SE is worth in trial" in console.file.getvalue()  # type: ignore[attr-defined]
    assert "What is SE worth?" in (searched / "report.html").read_text()
    (path,) = ablation_files(RunFolder(searched))
    assert load_ablation(path).effects


def test_a_repeated_ablation_trains_nothing(searched: Path, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ablated(searched, console)

    def never(self: Any, task: Any) -> Any:
        raise AssertionError("trained again")

    monkeypatch.setattr(evaluation.TrialEvaluation, "__call__", never)
    again = ablated(searched, console)

    assert [effect["gain"] for effect in again["effects"]] == [effect["gain"] for effect in first["effects"]]


def test_if_all_trainings_fail_the_ablation_fails_with_a_message(
    searched: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no luck")

    monkeypatch.setattr(evaluation, "build_initial_model", broken)

    with pytest.raises(RunFailedError, match=r"too many trainings failed: .* two common seeds are needed"):
        ablated(searched, console)


def test_a_network_whose_trainings_fail_is_left_out_and_named(
    searched: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    networks, contrasts = plan_ablation(load_architecture(RunFolder(searched).architecture(0)))
    broken = list(networks)[-1]
    build = evaluation.build_initial_model

    def fail_one(architecture: Architecture, **given: Any) -> Any:
        if architecture == networks[broken]:
            raise RuntimeError("out of memory")
        return build(architecture, **given)

    monkeypatch.setattr(evaluation, "build_initial_model", fail_one)
    found = ablated(searched, console, pick="0")

    assert f"SE {broken}: left out" in console.file.getvalue()  # type: ignore[attr-defined]
    assert broken not in {one["name"] for one in found["networks"]}
    assert 0 < len(found["effects"]) < len(contrasts)


def test_a_network_without_its_run_is_refused() -> None:
    with pytest.raises(InputError, match="knee: expected RUN_DIR:TRIAL"):
        ablate.ablate(AblateRequest(network="knee"), Console())


def test_a_damaged_file_gets_one_line_and_the_report_leaves_it_out(searched: Path, console: Console) -> None:
    ablated(searched, console)
    folder = RunFolder(searched)
    (path,) = ablation_files(folder)
    for damage in ("", "{}", '{"effects": []}', '{"effects": [{"gain": 3}]}', '{"effects": 1}'):
        path.write_text(damage)

        with pytest.raises(InputError, match=r"damaged; delete it, or run `python launch/ablate\.py` again"):
            load_ablation(path)
    (problem,) = write_report(folder, *load_progress(folder)).problems
    assert problem.startswith(str(path))
    assert "What is SE worth?" not in folder.report.read_text()

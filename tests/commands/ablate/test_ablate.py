import json
import re
from functools import partialmethod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from se_nas.commands.ablate import ablate
from se_nas.commands.ablate.experiment import Experiment, plan_experiment
from se_nas.commands.ablate.factors import find_factors
from se_nas.commands.ablate.flags import AblateRequest
from se_nas.commands.report.writing import write_report
from se_nas.commands.run_loading import load_progress
from se_nas.commands.search import evaluation
from se_nas.errors import InputError, RunFailedError
from se_nas.files import write_checked
from se_nas.models.cost import measure_cost
from se_nas.runs.ablation_file import ablation_files, load_ablation
from se_nas.runs.run_folder import RunFolder
from se_nas.searching.tasks import EpochReport
from se_nas.space.architecture import Architecture
from se_nas.space.files.architecture_file import load_architecture
from se_nas.space.files.loading import load_design_space

pytestmark = pytest.mark.usefixtures("without_figures")


def ablated(run: Path, console: Console, *, pick: str = "knee", **changes: Any) -> dict[str, Any]:
    request = AblateRequest(network=f"{run}:{pick}", **{"seeds": 2, "workers": 1, "wandb": "off", **changes})
    request.check()
    ablate.ablate(request, console)
    path = max(run.glob("ablate-*.json"), key=lambda each: each.stat().st_mtime_ns)
    return dict(json.loads(path.read_text()))


def the_experiment(run: Path, trial: int) -> Experiment:
    folder = RunFolder(run)
    found = load_architecture(folder.architecture(trial))
    return plan_experiment(find_factors(found, load_design_space(folder.space), None), lambda network: network)


def with_reduction(run: Path, reduction: int) -> str:
    """The number of a trial whose SE has this reduction ratio everywhere, with SE somewhere."""
    networks = {number: load_architecture(RunFolder(run).architecture(number)) for number in range(6)}
    return next(
        str(number)
        for number, network in networks.items()
        if {spec.size for stage in network.stages for spec in stage.se if spec is not None} == {reduction}
    )


def pretended(self: Any, task: Any, *, noise: np.random.Generator | None = None, width: float = 0.0) -> Any:
    """Trains nothing. SE in stage 1 and in stage 2 has a known worth, and so has its width."""
    first, second = (stage.se[0] is not None for stage in task.architecture.stages)
    sizes = {spec.size for stage in task.architecture.stages for spec in stage.se if spec is not None}
    worth = 0.1 * second - 0.05 * first - 0.02 * (first and second) + width * ((1.0 in sizes) - (4.0 in sizes)) / 2
    curve = [0.5 + worth + 0.001 * task.seed + (0.01 * noise.standard_normal() if noise else 0)] * 4
    self.results.write_finished(task, curve=curve, seconds=1.0, cost={}, metrics={})
    for epoch, accuracy in enumerate(curve, start=1):
        yield EpochReport(epoch=epoch, accuracy=accuracy, seconds=0.1)


@pytest.mark.usefixtures("with_figures")
def test_each_network_of_the_experiment_is_trained_on_each_seed(searched: Path, console: Console) -> None:
    found = ablated(searched, console, pick="0")

    expected = the_experiment(searched, 0).arms
    page, said = (searched / "report.html").read_text(), console.file.getvalue()  # type: ignore[attr-defined]
    for column in ("points, 95 %", "per 1k", "per 0.1 ms"):
        assert column in " ".join(page.split())
    assert "points per" in said
    networks = {network["name"]: network for network in found["networks"]}
    assert {name: network["fingerprint"] for name, network in networks.items()} == {
        name: arm.network.fingerprint() for name, arm in expected.items()
    }
    assert all(set(network["accuracies"]) == {"0", "1"} for network in networks.values())
    for name, network in networks.items():
        counted = measure_cost(expected[name].network, image_size=8, num_classes=2).as_dict()
        assert {cost: network["cost"][cost] for cost in counted} == counted


def test_the_gain_of_a_stage_is_the_gain_of_se_in_it(
    searched: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SE in stage 2 is worth 10 points, SE in stage 1 costs 5, and both together lose 2 more, whatever SE the network
    has. So the main effects are 9 and -6."""
    monkeypatch.setattr(evaluation.TrialEvaluation, "__call__", pretended)
    for trial in range(6):
        request = AblateRequest(network=f"{searched}:{trial}", seeds=2, workers=1, wandb="off")
        ablate.ablate(request, console)
        found = load_ablation(searched / f"ablate-{trial:04d}.json")

        assert found.experiment is not None
        assert {effect.where: effect.gain.mean for effect in found.effects} == pytest.approx(
            {"in stage 1": -0.06, "in stage 2": 0.09}
        )
        assert [each.gain.mean for each in found.experiment.interactions] == pytest.approx([-0.02])
        assert all(effect.added["params"].amount > 0 for effect in found.effects)
        assert found.experiment.best.accuracy == pytest.approx(0.6 + 0.0005)
        assert found.experiment.best.best == 1


@pytest.mark.parametrize("most", [14, 18])
def test_an_experiment_can_end_in_the_middle_of_a_seed_and_continue_later(
    searched: Path, console: Console, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(evaluation.TrialEvaluation, "__call__", pretended)
    first = ablated(searched, console, pick="0", seeds=5, most_trainings=most)
    trained = sum(len(network["accuracies"]) for network in first["networks"])
    again = ablated(searched, console, pick="0", seeds=5)

    assert trained == first["experiment"]["trainings"] == most
    assert again["experiment"]["trainings"] == 5 * the_experiment(searched, 0).size
    assert [effect["gain"]["mean"] for effect in again["effects"]] == pytest.approx([-0.06, 0.09])


def test_until_ends_as_soon_as_the_gains_are_known_well_enough(
    searched: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    monkeypatch.setattr(evaluation.TrialEvaluation, "__call__", partialmethod(pretended, noise=rng))
    found = ablated(searched, console, pick="0", seeds=None, until=0.8)
    wide = ablated(searched, console, pick="1", seeds=None, until=0.01, most_trainings=30)

    said = console.file.getvalue()  # type: ignore[attr-defined]
    widths = [effect["gain"]["half_width"] for effect in found["effects"]]
    assert max(widths) <= 0.008
    assert 2 * the_experiment(searched, 0).size < found["experiment"]["trainings"] < 200
    assert wide["experiment"]["trainings"] == 30
    assert "then the gain of SE in a place is known to ±" in said
    assert re.search(r"after \d+ trainings: .* ± 0.8 takes about \d+ trainings in all", said)


def test_the_ratio_and_the_site_are_varied_on_request(
    searched: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SE twice as wide as found is worth 3 points more than SE half as wide."""
    monkeypatch.setattr(evaluation.TrialEvaluation, "__call__", partialmethod(pretended, width=0.03))
    found = ablated(searched, console, pick=with_reduction(searched, 2), seeds=6, factors="stages,ratio,site")

    treatments = {each["where"]: each["gain"]["mean"] for each in found["experiment"]["treatments"]}
    assert treatments["twice as wide"] == pytest.approx(0.03)
    assert treatments["as wide as found"] == pytest.approx(0.0, abs=1e-9)
    assert treatments["at post"] == pytest.approx(0.0, abs=1e-9)
    assert [effect["gain"]["mean"] for effect in found["effects"]] == pytest.approx([-0.06, 0.09])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"until": 0.0, "seeds": None}, "--until 0: must be above 0"),
        ({"until": -1.0, "seeds": None}, "--until -1: must be above 0"),
        ({"until": float("nan"), "seeds": None}, "--until nan: must be above 0"),
        ({"until": 0.3, "seeds": 4}, "--seeds and --until: .* give one of the two"),
        ({"most_trainings": 0}, "--most-trainings 0: must be at least 1"),
        ({"most_trainings": 5}, r"--most-trainings 5: must be at least \d+, .* each on 2 seeds"),
        ({"factors": "stage3"}, r"--factors: no factor 'stage3'; did you mean stages"),
        ({"factors": "xyz"}, "--factors: no factor 'xyz'; known: stage1, stage2, .*ratio, site"),
        ({"factors": ""}, "--factors: no factor ''"),
        ({"factors": "stage1,stage1"}, "--factors: 'stage1' is named twice"),
    ],
)
def test_a_wrong_flag_gets_one_line(searched: Path, console: Console, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        ablated(searched, console, pick="0", **changes)

    assert "\n" not in str(error.value)
    assert not list(searched.glob("ablate-*.json"))


def test_an_ablation_of_an_earlier_version_is_still_shown(searched: Path, console: Console) -> None:
    """The file that version 0.1 wrote: effects alone."""
    effect = {
        "where": "as found",
        "over": "nowhere",
        "gain": {"mean": 0.02, "half_width": 0.01, "seeds": 5},
        "added": {"params": {"amount": 500.0, "low": 500.0, "high": 500.0}},
    }
    write_checked(searched / "ablate-0000.json", {"trial": 0, "epochs": 4, "effects": [effect], "networks": []})
    folder = RunFolder(searched)

    assert write_report(folder, *load_progress(folder)).problems == []

    page = " ".join(folder.report.read_text().split())
    assert "An ablation of an earlier version" in page
    assert "SE as found, not nowhere is worth +2.00 ± 1.00 points for +500 parameters." in page


@pytest.mark.usefixtures("with_figures")
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

    with pytest.raises(RunFailedError, match=r"too many trainings failed: no two trainings"):
        ablated(searched, console)


def test_a_network_whose_trainings_fail_is_left_out_and_named(
    searched: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    arms = the_experiment(searched, 0).arms
    broken = list(arms)[1]
    build = evaluation.build_initial_model

    def fail_one(architecture: Architecture, **given: Any) -> Any:
        if architecture == arms[broken].network:
            raise RuntimeError("out of memory")
        return build(architecture, **given)

    monkeypatch.setattr(evaluation, "build_initial_model", fail_one)
    found = ablated(searched, console, pick="0")

    assert f"SE {broken}: none of its trainings succeeded" in console.file.getvalue()  # type: ignore[attr-defined]
    assert broken not in {one["name"] for one in found["networks"]}
    assert [effect["where"] for effect in found["effects"]] == ["in stage 1", "in stage 2"]
    assert found["experiment"]["interactions"] == []


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

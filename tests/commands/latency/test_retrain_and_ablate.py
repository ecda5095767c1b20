"""Retraining and ablation of a search with a latency table say which latency is predicted, and which is measured."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from se_nas.commands.ablate import ablate
from se_nas.commands.ablate.flags import AblateRequest
from se_nas.commands.retrain.flags import RetrainRequest
from se_nas.commands.retrain.retrain import retrain
from se_nas.commands.run_loading import load_progress
from se_nas.commands.search import evaluation
from se_nas.commands.search.search import start_search
from se_nas.errors import MissingPartError
from se_nas.runs.ablation_file import load_ablation
from se_nas.runs.run_folder import RunFolder
from se_nas.searching.tasks import EpochReport
from se_nas.training.known_latency.runtimes import RUNTIMES
from se_nas.training.known_latency.table import LatencyTable
from se_nas.training.known_latency.table_file import load_table
from se_nas.training.measurements import MEASUREMENTS
from tests.commands.conftest import SE_ALONE, said_on
from tests.conftest import tiny_request, write_tiny_data
from tests.fake_runtime import FakeRuntime


@pytest.fixture(autouse=True)
def _fake_runtimes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("eager", "cuda"):
        monkeypatch.setitem(RUNTIMES, name, FakeRuntime())  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a search with a table. No test may write to it."""
    folder = tmp_path_factory.mktemp("tabled")
    space = folder / "space.yaml"
    space.write_text(SE_ALONE)
    request = tiny_request(folder, space, write_tiny_data(folder))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("se_nas.report.figures.paper.paper_figures", lambda *_: {})
        for name in ("eager", "cuda"):
            patch.setitem(RUNTIMES, name, FakeRuntime())  # type: ignore[arg-type]
        start_search(replace(request, epochs=1, budget=5, objectives="accuracy,latency"), Console(quiet=True))
    return folder / "run"


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "run"))


def retrained(run: Path, console: Console, **changes: Any) -> dict[str, tuple[dict[str, Any], str]]:
    """The results and the cards of a retraining, by the start of their folders' names."""
    retrain(RetrainRequest(run_dir=run, **{"epochs": 1, "wandb": "off", **changes}), console)
    folders = (run / "retrain").iterdir()
    return {
        each.name.split("-")[0]: (json.loads((each / "result.json").read_text()), (each / "README.md").read_text())
        for each in folders
    }


def said(console: Console) -> str:
    return " ".join(said_on(console).split())


def test_a_retrained_network_has_its_predicted_and_its_measured_latency(
    run: Path, console: Console, without_figures: None
) -> None:
    found = retrained(run, console, baselines=True)

    table, _ = load_table(run / "latency_table.json")
    result, card = found["trial"]
    (measured,) = [
        network["measured"]
        for network in json.loads((run / "latency.json").read_text())["networks"]
        if network["trial"] == result["trial"]
    ]
    assert result["latency_is_predicted"]
    assert result["measured_latency"] == measured
    assert "latency, predicted by the search's table |" in card
    assert "latency, measured on the table's device |" in card
    assert f"latency by the search's table ({table.setting.title}): trial {result['trial']} " in said(console)
    assert {"regnetx", "regnety"} <= set(found)
    for name in ("regnetx", "regnety"):
        result, card = found[name]
        assert result["latency_is_predicted"] == ("latency" in result["cost"])
        assert result["measured_latency"] is None
        assert "measured where" not in card
    assert found["regnetx"][0]["cost"]["latency"] > 0


@pytest.mark.parametrize("content", [None, "{}"], ids=["missing", "damaged"])
def test_without_a_measurement_only_the_prediction_is_named(
    run: Path, console: Console, without_figures: None, content: str | None
) -> None:
    (run / "latency.json").unlink()
    if content is not None:
        (run / "latency.json").write_text(content)

    ((result, card),) = retrained(run, console).values()

    assert result["latency_is_predicted"]
    assert result["measured_latency"] is None
    assert "latency, predicted by the search's table |" in card
    assert "measured where" not in card


def pretended(self: Any, task: Any) -> Any:
    """Trains nothing."""
    curve = [0.5 + 0.001 * (len(task.architecture.fingerprint()) % 7) + 0.001 * task.seed]
    self.results.write_finished(task, curve=curve, seconds=1.0, cost={}, metrics={})
    yield EpochReport(epoch=1, accuracy=curve[0], seconds=0.1)


@pytest.fixture
def _instant_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings that train nothing, and measurements that measure nothing."""
    monkeypatch.setattr(evaluation.TrialEvaluation, "__call__", pretended)
    values = lambda models, **_: [[7.0 + index] * 9 for index in range(len(models))]  # noqa: E731
    monkeypatch.setitem(MEASUREMENTS, "latency", values)


@pytest.mark.usefixtures("_instant_trainings", "without_figures")
def test_an_ablation_has_the_latency_of_the_table_beside_the_measured_latency(run: Path, console: Console) -> None:
    trial = load_progress(RunFolder.open(run))[1].front.members[0].number

    ablate.ablate(AblateRequest(network=f"{run}:{trial}", seeds=2, workers=1, wandb="off"), console)

    setting = load_table(run / "latency_table.json")[0].setting
    text = said(console)
    assert f"latency of SE, measured on this device and by the search's table ({setting.title}): " in text
    for effect in load_ablation(run / f"ablate-{trial:04d}.json").effects:
        assert f"{effect.where} {effect.added['latency'].amount:+.3f} ms and +0." in text


@pytest.mark.usefixtures("_instant_trainings", "without_figures")
def test_an_ablation_names_the_part_that_the_table_lacks(
    run: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacks(*_: object, **__: object) -> float:
        raise MissingPartError("the latency table has no attention of this kind")

    monkeypatch.setattr(LatencyTable, "predict", lacks)

    ablate.ablate(AblateRequest(network=f"{run}:0", seeds=2, workers=1, wandb="off"), console)

    assert "does not know these networks: the latency table has no attention of this kind" in said(console)

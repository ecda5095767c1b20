"""Each W&B run of a search, a retraining and an ablation has the fraction of the largest class in its settings."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from se_nas.analysis.largest_class import Held, LargestClass
from se_nas.commands.ablate import ablate
from se_nas.commands.ablate.flags import AblateRequest
from se_nas.commands.retrain import retraining
from se_nas.commands.retrain.flags import RetrainRequest
from se_nas.commands.retrain.retrain import retrain
from se_nas.commands.search import assembly, evaluation
from se_nas.commands.search.flags import SearchRequest
from se_nas.commands.search.search import start_search
from se_nas.data.sources import load_data
from se_nas.runs.run_folder import RunFolder
from se_nas.runs.settings import load_config
from se_nas.searching.tasks import EpochReport

pytestmark = pytest.mark.usefixtures("without_figures")


def fraction_in(run: Path, part: Held) -> dict[str, float]:
    """The setting that the images of a run have."""
    config = load_config(RunFolder.open(run))
    share = LargestClass.of(load_data(config.data, image_size=config.image_size).inventory(), part).share
    return {f"largest class, fraction of the {part} images": share}


def test_the_run_of_a_search_has_the_fraction_of_the_validation_images(
    request_tiny: SearchRequest, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {}

    def no_trackers(folder: object, identity: Any, *_: object, **__: object) -> list[Any]:
        settings.update(identity.settings)
        return []

    monkeypatch.setattr(assembly, "build_trackers", no_trackers)

    start_search(replace(request_tiny, budget=1, epochs=1), console)

    run = request_tiny.run
    assert run is not None
    assert fraction_in(run, "validation").items() <= settings.items()
    assert settings["budget"] == 1


def test_the_run_of_a_retraining_has_the_fractions_of_the_validation_and_the_test_images(
    searched: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {}
    build = retraining.retraining_run

    def noted(*given: Any, **named: Any) -> Any:
        settings.update(named["about"])
        return build(*given, **named)

    monkeypatch.setattr(retraining, "retraining_run", noted)

    retrain(RetrainRequest(run_dir=searched, epochs=1, wandb="off"), console)

    for part in ("validation", "test"):
        assert fraction_in(searched, part).items() <= settings.items()  # type: ignore[arg-type]


def pretended(self: Any, task: Any) -> Any:
    """Trains nothing."""
    curve = [0.5 + 0.001 * task.seed + 0.002 * (task.architecture.stages[0].se[0] is not None)] * 4
    self.results.write_finished(task, curve=curve, seconds=1.0, cost={}, metrics={})
    for epoch, accuracy in enumerate(curve, start=1):
        yield EpochReport(epoch=epoch, accuracy=accuracy, seconds=0.1)


def test_the_run_of_an_ablation_has_the_fraction_of_the_validation_images(
    searched: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {}
    monkeypatch.setattr(evaluation.TrialEvaluation, "__call__", pretended)
    monkeypatch.setattr(ablate, "log_finding", lambda *_, **named: settings.update(named["settings"]))

    ablate.ablate(AblateRequest(network=f"{searched}:0", seeds=2, workers=1, wandb="off"), console)

    assert fraction_in(searched, "validation").items() <= settings.items()

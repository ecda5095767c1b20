"""The image size as a decision, from the search to the exported network."""

import io
from pathlib import Path

import pandas as pd
import pytest
import torch
from rich.console import Console

from se_nas.commands.ablate.experiment import plan_experiment
from se_nas.commands.ablate.factors import find_factors
from se_nas.commands.retrain.flags import RetrainRequest
from se_nas.commands.retrain.retrain import retrain
from se_nas.commands.run_loading import find_trial
from se_nas.commands.search.flags import SearchRequest
from se_nas.commands.search.search import start_search
from se_nas.models.cost import measure_cost
from se_nas.space.files.architecture_file import load_architecture
from se_nas.space.files.loading import load_design_space
from se_nas.training.scoring import Scores
from se_nas.training.trained import load_trained
from se_nas.training.trainer import Trainer
from tests.conftest import write_tiny_data

SPACE = """image_size: [4, 8, 12]
stem: {width: 8, stride: 1}
stages:
  - {depth: 1, width: 8, stride: 2, group_width: 8, se: {present: [false, true]}}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search of all six networks, each with an image size of its own."""
    folder = tmp_path_factory.mktemp("sizes")
    space = folder / "sizes.yaml"
    space.write_text(SPACE)
    request = SearchRequest(
        space=space,
        data=f"npz:{write_tiny_data(folder)}",
        budget=6,
        epochs=1,
        run=folder / "run",
        workers=1,
        wandb="off",
    )
    start_search(request, Console(file=io.StringIO()))
    assert request.run is not None
    return request.run


def test_each_network_is_counted_at_its_own_size(run: Path) -> None:
    trials = pd.read_csv(run / "trials.csv").set_index("trial")

    assert sorted(trials.image_size) == [4, 4, 8, 8, 12, 12]
    for number, trial in trials.iterrows():
        network = load_architecture(run / "trials" / f"{number:04}" / "architecture.yaml")
        counted = measure_cost(network, image_size=8, num_classes=2)
        assert network.image_size == trial.image_size
        assert (counted.flops, counted.activations) == (trial.flops, trial.activations)


def test_tables_show_the_size(run: Path) -> None:
    assert ">px</button>" in (run / "report.html").read_text()


def test_a_placement_keeps_the_size(run: Path) -> None:
    found = load_architecture(run / "best.yaml")

    space = load_design_space(run / "space.yaml")
    experiment = plan_experiment(find_factors(found, space, None), lambda network: network)

    assert {arm.network.image_size for arm in experiment.placements} == {found.image_size}


def test_a_retrained_network_is_trained_tested_and_used_at_its_size(
    run: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    normalised = Trainer.scores

    def seen(trainer: Trainer, part: object = None) -> Scores:
        sizes.append((trainer._data.train.image_size, None if part is None else part.image_size))
        return normalised(trainer, part)

    monkeypatch.setattr(Trainer, "scores", seen)
    front = pd.read_csv(run / "trials.csv")
    (number, *_) = front[front.image_size == 12].trial

    retrain(RetrainRequest(run_dir=run, pick=str(number), epochs=1, wandb="off"), console)

    (folder,) = (run / "retrain").iterdir()
    trained = load_trained(folder)
    assert trained.image_size == trained.architecture.image_size == 12
    assert sizes == [(12, None), (12, 12)]
    assert trained.build_deployed()(torch.rand(2, 3, 12, 12)).shape == (2, 2)


def test_a_trial_is_described_at_its_own_size(run: Path) -> None:
    _, config, _, record = find_trial(f"{run}:knee")

    assert config.image_size == 8
    assert record.assignment["image_size"] in (4, 8, 12)

"""The folder for Hugging Face: it loads alone, and its card can be read."""

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from safetensors import safe_open

from se_nas import load_trained
from se_nas.commands.export.export import export
from se_nas.commands.export.flags import ExportRequest
from se_nas.commands.retrain.flags import RetrainRequest
from se_nas.commands.retrain.retrain import retrain
from se_nas.errors import InputError
from se_nas.training.trained import save_trained
from tests.conftest import quiet_console
from tests.fakes import network_with_se, trained_network


@pytest.fixture(scope="module")
def retrained(searched_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a retrained network, with its folder for Hugging Face."""
    run = Path(shutil.copytree(searched_once, tmp_path_factory.mktemp("hub") / "run"))
    retrain(RetrainRequest(run_dir=run, epochs=1, wandb="off"), quiet_console())
    (folder,) = (run / "retrain").iterdir()
    export(ExportRequest(retrained=folder, format="huggingface"), quiet_console())
    return folder


@pytest.fixture
def hub(retrained: Path, tmp_path: Path) -> Path:
    """A copy of the folder for Hugging Face, far from the run folder."""
    return Path(shutil.copytree(retrained / "huggingface", tmp_path / "downloaded"))


def test_the_folder_loads_in_one_line_without_the_run_folder(retrained: Path, hub: Path) -> None:
    loaded, network = load_trained(hub), load_trained(retrained)

    images = torch.rand(2, 3, network.image_size, network.image_size)
    assert torch.equal(loaded.build_deployed()(images), network.build_deployed()(images))
    assert loaded.class_names == network.class_names
    assert {path.name for path in hub.iterdir()} == {"README.md", "config.json", "model.safetensors"}
    assert not (retrained / "model.onnx").exists()


def test_the_config_has_the_keys_of_an_image_classifier(hub: Path) -> None:
    config = json.loads((hub / "config.json").read_text())

    assert config["id2label"] == {"0": "0", "1": "1"}
    assert config["label2id"] == {"0": 0, "1": 1}
    assert config["image_size"] == 8
    assert all(0 < value < 1 for value in (*config["image_mean"], *config["image_std"]))
    with safe_open(hub / "model.safetensors", framework="pt") as file:
        assert file.metadata()["format"] == "pt"


def test_the_card_begins_with_metadata_that_name_the_measured_accuracy(retrained: Path, hub: Path) -> None:
    result = json.loads((retrained / "result.json").read_text())
    _, metadata, card = (hub / "README.md").read_text().split("---\n", 2)

    about = yaml.safe_load(metadata)
    (measured,) = about["model-index"][0]["results"]
    assert about["pipeline_tag"] == "image-classification"
    assert measured["dataset"]["name"] == "tiny.npz"
    assert measured["metrics"] == [{"type": "accuracy", "value": pytest.approx(result["test_accuracy"])}]
    assert card.strip() == (retrained / "README.md").read_text().strip()


def test_a_changed_config_is_refused_and_a_missing_one_is_not_needed(hub: Path) -> None:
    path = hub / "config.json"
    path.write_text(path.read_text().replace('"class_names": [\n      "0"', '"class_names": [\n      "cat"'))
    with pytest.raises(InputError, match=r"config\.json: not the description of the network in model\.safetensors"):
        load_trained(hub)

    path.write_text("{")
    with pytest.raises(InputError, match=r"config\.json: not the description"):
        load_trained(hub)

    path.unlink()
    assert load_trained(hub).class_names == ("0", "1")


def test_an_unfinished_retraining_is_refused(tmp_path: Path) -> None:
    save_trained(tmp_path, trained_network(network_with_se("none"), class_names=("a", "b"), image_size=8))

    with pytest.raises(InputError, match=r"has no result\.json; expected the folder of a retraining that is finished"):
        export(ExportRequest(retrained=tmp_path, format="huggingface"), quiet_console())

    assert not (tmp_path / "huggingface").exists()

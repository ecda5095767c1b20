"""Each block family through every command: search, resume, confirm, ablate, retrain, export, predict, report, W&B."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from se_nas.commands.ablate.ablate import ablate
from se_nas.commands.ablate.flags import AblateRequest
from se_nas.commands.confirm.confirm import confirm
from se_nas.commands.confirm.flags import ConfirmRequest
from se_nas.commands.describe.describe import describe
from se_nas.commands.describe.flags import DescribeRequest
from se_nas.commands.export.export import export
from se_nas.commands.export.flags import ExportRequest
from se_nas.commands.predict.flags import PredictRequest
from se_nas.commands.predict.predict import predict
from se_nas.commands.retrain.flags import RetrainRequest
from se_nas.commands.retrain.retrain import retrain
from se_nas.commands.search.flags import SearchRequest
from se_nas.commands.search.search import resume_search
from se_nas.models.backbone import as_backbone
from se_nas.models.network import build_model
from se_nas.space.families import FAMILIES
from se_nas.space.published import published_network
from se_nas.training.trained import load_trained
from tests.conftest import quiet_console, write_tiny_data
from tests.faults.conftest import ROOT
from tests.tracking.test_wandb_tracker import records_in

SE = "se: {present: [false, true], reduction: 2}"
SPACES = {
    "regnet": f"{{depth: 1, width: [8, 16], stride: 2, group_width: 8, {SE}}}",
    "bottleneck": f"{{family: bottleneck, depth: [1, 2], width: 16, stride: 2, pre_activation: true, {SE}}}",
    "basic": f"{{family: basic, depth: [1, 2], width: 8, stride: 2, shortcut: pad, {SE}}}",
    "dense": (f"{{segments: [{{family: transition}}, {{family: dense, depth: [1, 2], width: 4, stride: 1}}], {SE}}}"),
    "separable": f"{{family: separable, depth: [1, 2], width: 16, stride: 2, {SE}}}",
    "xception": f"{{family: xception, depth: [1, 2], width: 16, stride: 2, convolutions: 2, {SE}}}",
    "shuffle_v1": f"{{family: shuffle_v1, depth: [1, 2], width: 16, stride: 2, groups: 2, {SE}}}",
    "shuffle_v2": f"{{family: shuffle_v2, depth: [1, 2], width: 16, stride: 2, {SE}}}",
    "mbconv": f"{{family: mbconv, depth: [1, 2], width: 8, stride: 2, expansion: [2, 3], {SE}}}",
    "fused_mbconv": f"{{family: fused_mbconv, depth: [1, 2], width: 8, stride: 2, expansion: 2, {SE}}}",
}
"""A stage of each family. `transition` has no network of its own."""


EVERY = [name if name == "dense" else pytest.param(name, marks=pytest.mark.slow) for name in SPACES]


def search_with_wandb(folder: Path, *flags: object) -> None:
    """A search in a process of its own, since W&B's service ends with the process."""
    call = [sys.executable, ROOT / "launch" / "search.py", "--workers", 1, "--wandb", "offline", *flags]
    subprocess.run([*map(str, call)], cwd=folder, check=True, capture_output=True, timeout=800)


def test_every_family_is_tried_here() -> None:
    assert {*SPACES, "transition"} == FAMILIES.keys()


@pytest.mark.parametrize("family", EVERY)
def test_a_family_goes_through_every_command(family: str, tmp_path: Path) -> None:
    space, run = tmp_path / f"{family}.yaml", tmp_path / "run"
    space.write_text(f"image_size: 8\nstem: {{width: 8, stride: 1}}\nstages: [{SPACES[family]}]\n")
    Image.new("RGB", (8, 8), "red").save(tmp_path / "red.png")
    shared = {"wandb": "off", "workers": 1}
    data = f"npz:{write_tiny_data(tmp_path)}"
    console = quiet_console()

    search_with_wandb(tmp_path, "--space", space, "--data", data, "--budget", 2, "--epochs", 1, "--run", run)
    told = records_in(run)
    resume_search(run, SearchRequest(resume=run, budget=3, **shared), console)
    describe(DescribeRequest(network=f"{run}:knee", json=True), console)
    confirm(ConfirmRequest(run_dir=run, seeds=2, networks=1, **shared), console)
    ablate(AblateRequest(network=f"{run}:knee", seeds=2, epochs=1, **shared), console)
    retrain(RetrainRequest(run_dir=run, epochs=1, wandb="off", baselines=True), console)
    folders = sorted((run / "retrain").iterdir())
    best = next(folder for folder in folders if folder.name.startswith("trial"))
    export(ExportRequest(retrained=best), console)
    predict(PredictRequest(retrained=best, images=(tmp_path / "red.png",)), console, quiet_console())

    history = [record["history"]["item"] for record in told if record["type"] == "history"]
    assert {item["trial"] for item in history if "accuracy" in item} == {0, 1}
    assert {record["artifact"]["type"] for record in told if record["type"] == "artifact"} >= {"front", "configuration"}
    assert len(folders) == 3  # the trial, and the trunk without SE and with the family's published SE
    names = {path.name for path in best.iterdir()}
    assert {"README.md", "weights.safetensors", "result.json"} <= names
    assert {path.suffix for path in best.iterdir()} >= {".onnx", ".pt2"}
    assert {path.name for path in run.iterdir()} >= {"report.html", "confirm.json", "best.yaml"}
    maps = load_trained(best).build_backbone()(torch.rand(1, 3, 8, 8))
    assert [each.shape[-1] for each in maps] == [8, 4]
    assert json.loads((run / "front.json").read_text())["members"]


@pytest.mark.parametrize(
    "name", ["resnet18", "densenet121", "mobilenet_v2", "efficientnet_b0", "shufflenet_v2_x0_5", "regnet_x_400mf"]
)
def test_a_published_network_gives_maps_at_the_strides_that_detectors_need(name: str) -> None:
    network = published_network(name).build()
    with torch.device("meta"):
        backbone = as_backbone(build_model(network, num_classes=2), network)
        maps = backbone.eval()(torch.rand(1, 3, 128, 128))

    reductions = backbone.feature_info.reduction()
    assert {4, 8, 16, 32} <= set(reductions)
    assert [128 // each.shape[-1] for each in maps] == reductions
    assert [each.shape[1] for each in maps] == backbone.feature_info.channels()

"""Pretrained weights: a trunk that starts with them, from the file to the retrained network."""

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch
from rich.console import Console
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision import models

from se_nas.commands.ablate.ablate import ablate
from se_nas.commands.ablate.flags import AblateRequest
from se_nas.commands.latency.flags import LatencyRequest
from se_nas.commands.latency.latency import measure_latency
from se_nas.commands.own_network import read_network
from se_nas.commands.pretraining import choose_weights
from se_nas.commands.retrain.flags import RetrainRequest
from se_nas.commands.retrain.retrain import retrain
from se_nas.commands.search.flags import SearchRequest
from se_nas.commands.search.search import resume_search, start_search
from se_nas.errors import InputError
from se_nas.models.network import build_model
from se_nas.models.own_network import record_sites
from se_nas.space.architecture import Architecture
from se_nas.space.attention.tokens import parse_token
from se_nas.space.files.architecture_file import load_architecture
from se_nas.space.files.loading import load_design_space
from se_nas.space.own_network import OwnNetworkTrunk, grouped
from se_nas.space.placements import with_attention_by_stage, without_se
from se_nas.space.pretraining import starting_unchanged
from se_nas.space.published import PUBLISHED
from se_nas.training.known_latency.runtimes import RUNTIMES
from se_nas.training.pretrained import Pretrained, match_weights
from se_nas.training.trainer import Trainer, build_initial_model, train
from tests.conftest import quiet_console, write_tiny_data
from tests.fake_runtime import FakeRuntime
from tests.models.conftest import wake
from tests.space.conftest import ROOT

pytestmark = pytest.mark.usefixtures("without_figures")

OWN = f"{ROOT / 'docs' / 'examples' / 'small_resnet.py'}:build"
FIXED = """image_size: 8
stem: {width: 8, stride: 1}
every_stage: {group_width: 8, depth: 1, se: {present: [false, true]}}
stages:
  - {width: 8, stride: 1}
  - {width: 16, stride: 2}
"""


def weights_of(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in wake(network).state_dict().items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A space with a fixed trunk, images, and weights of its trunk without SE for five classes."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("pretrained")
    (folder / "fixed.yaml").write_text(FIXED)
    write_tiny_data(folder)
    space = load_design_space(folder / "fixed.yaml")
    plain = space.decode(dict.fromkeys(space.decisions, False))
    save_file(weights_of(build_model(plain, num_classes=5)), folder / "weights.safetensors")
    return folder


def request_in(folder: Path, **changes: Any) -> SearchRequest:
    usual = {
        "space": folder / "fixed.yaml",
        "data": f"npz:{folder / 'tiny.npz'}",
        "weights": str(folder / "weights.safetensors"),
        "budget": 2,
        "epochs": 1,
        "workers": 1,
        "wandb": "off",
    }
    return SearchRequest(**{**usual, **changes})


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[Tensor], Tensor]]:
    """The networks as they are before their first epoch, as functions of images (N, 3, 8, 8)."""
    seen: list[Callable[[Tensor], Tensor]] = []
    plain_train = train

    def noted(trainer: Trainer) -> Any:
        features = trainer.model.get_submodule("stem"), *(trainer.model.get_submodule(f"stage{n}") for n in (1, 2))
        with torch.no_grad():
            found = nn.Sequential(*features).eval()(IMAGES.contiguous(memory_format=trainer.precision.layout))
        trainer.model.train()
        seen.append(found)
        return plain_train(trainer)

    for module in ("se_nas.commands.search.evaluation", "se_nas.commands.retrain.retraining"):
        monkeypatch.setattr(f"{module}.train", noted)
    return seen


IMAGES = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def test_every_training_of_a_search_starts_with_the_weights(
    folder: Path, tmp_path: Path, started: list[Tensor], console: Console
) -> None:
    run = tmp_path / "run"
    quiet = quiet_console()

    start_search(request_in(folder, run=run), console)
    resume_search(run, SearchRequest(resume=run, budget=4, wandb="off", workers=1), quiet)
    ablate(AblateRequest(network=f"{run}:0", seeds=2, epochs=1, wandb="off", workers=1), quiet)
    retrain(RetrainRequest(run_dir=run, epochs=1, wandb="off", baselines=True), quiet)

    assert len(started) >= 4 + 2 * 3 + 3
    for features in started[1:]:
        torch.testing.assert_close(features, started[0])
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "a new classifier for 2 classes (the weights have 5); new SE starts with a gate of 1" in said
    tokens = {token for number in range(4) for token in load_architecture(_network(run, number)).se_tokens}
    assert tokens == {"none", "inner/4 twice-sigmoid"}


def test_the_front_is_measured_with_the_se_that_the_weights_allow(
    folder: Path, tmp_path: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RUNTIMES, "eager", FakeRuntime())  # type: ignore[arg-type]
    monkeypatch.setitem(RUNTIMES, "cuda", FakeRuntime())  # type: ignore[arg-type]
    measured: list[Architecture] = []

    def noted(network: Architecture, **options: Any) -> nn.Module:
        measured.append(network)
        return build_initial_model(network, **options)

    monkeypatch.setattr("se_nas.commands.latency.front.build_initial_model", noted)
    start_search(request_in(folder, run=tmp_path / "run", objectives="accuracy,latency", budget=4), console)
    at_the_end = list(measured)

    measure_latency(LatencyRequest(run=tmp_path / "run"), console)

    assert at_the_end
    assert measured == 2 * at_the_end


def _network(run: Path, number: int) -> Path:
    return run / "trials" / f"{number:04}" / "architecture.yaml"


@pytest.mark.parametrize("name", ["regnet_x_400mf", "regnet_y_400mf", "regnet_y_800mf"])
def test_the_weights_of_torchvision_give_the_output_of_torchvision(name: str) -> None:
    torch.manual_seed(0)
    theirs = wake(models.get_model(name, num_classes=7))
    network = PUBLISHED[name].build()

    matched = match_weights(network, theirs.state_dict(), source=name)
    ours = build_model(network, num_classes=7)
    matched.start(ours)

    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours.eval()(images), theirs(images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "shufflenet_v2_x0_5"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.module."])
def test_a_file_without_the_order_of_layers_is_matched_by_the_names_of_torchvision(
    tmp_path: Path, name: str, prefix: str
) -> None:
    torch.manual_seed(0)
    theirs = wake(models.get_model(name, num_classes=7))
    save_file({f"{prefix}{key}": value for key, value in theirs.state_dict().items()}, tmp_path / "x.safetensors")
    (tmp_path / "space.yaml").write_text(f"image_size: 32\ntrunk: {name}\n")
    space = load_design_space(tmp_path / "space.yaml")

    matched = choose_weights(str(tmp_path / "x.safetensors"), space)
    ours = build_model(matched.network, num_classes=7)
    matched.start(ours)

    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(ours.eval()(images), theirs.eval()(images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("head.classify.bias", lambda value: value[:2], r"has the shape \(2,\), but .* needs \(5,\)"),
        ("head.classify.bias", lambda value: value[0], r"has the shape \(\), but .* needs \(5,\)"),
        ("head.classify.weight", lambda value: value[0, 0], r"has the shape \(\), but"),
        ("head.classify.weight", lambda value: value[:0], r"has the shape \(0, 16\), but"),
        ("stem.0.weight", lambda value: value * math.nan, "has values that are not finite"),
        ("stem.0.weight", lambda value: value / 0, "has values that are not finite"),
        ("stem.0.weight", lambda value: value.to_sparse(), "is sparse, quantized or without values"),
        ("stem.0.weight", lambda value: value.to("meta"), "is sparse, quantized or without values"),
        ("stem.0.weight", lambda value: value.to(torch.int8), "has the type torch.int8; expected torch.float32"),
        ("stem.0.weight", lambda value: value.to(torch.complex64), "has the type torch.complex64"),
    ],
)
def test_a_tensor_that_cannot_be_the_weight_of_a_layer_is_named(
    folder: Path, name: str, change: Callable[[Tensor], Tensor], message: str
) -> None:
    good = weights_of(build_model(_plain(folder), num_classes=5))

    with pytest.raises(InputError, match=f"--weights x: {name} {message}") as caught:
        match_weights(_plain(folder), good | {name: change(good[name])}, source="x")

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("token", ["inner/4", "inner/8", "standard/16 of site floor", "post/2 of site hard-sigmoid"])
def test_new_se_leaves_the_output_unchanged_at_the_start(token: str) -> None:
    torch.manual_seed(0)
    published = without_se(PUBLISHED["regnety_002"].build())
    theirs = wake(build_model(published, num_classes=3))
    matched = match_weights(published, theirs.state_dict(), source="x")
    network = with_attention_by_stage(published, [lambda _: parse_token(token)] * 4)

    ours = build_model(starting_unchanged(network, published), num_classes=3)
    matched.start(ours)

    images = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(ours.eval()(images), theirs(images), rtol=1e-5, atol=1e-6)
    ours.train()(images).sum().backward()
    gates = [value for name, value in ours.named_parameters() if name.endswith("expand.bias")]
    assert gates
    assert all(value.grad is not None and value.grad.abs().sum() > 0 for value in gates)  # the gate learns


def test_se_that_the_weights_have_keeps_its_form_and_its_weights() -> None:
    torch.manual_seed(0)
    published = PUBLISHED["regnety_002"].build()
    theirs = wake(build_model(published, num_classes=3))
    matched = match_weights(published, theirs.state_dict(), source="x")
    choices = [None, parse_token("inner/8"), parse_token("inner/4"), parse_token("inner/4")]
    other = with_attention_by_stage(published, [lambda _, spec=spec: spec for spec in choices])

    network = starting_unchanged(other, published)
    ours = build_model(network, num_classes=3)
    matched.start(ours)

    assert network.se_tokens == ("none", "inner/8 twice-sigmoid", "inner/4", "inner/4")
    own, known = ours.state_dict(), theirs.state_dict()
    kept = [name for name in own if ".se." in name and name.startswith(("stage3", "stage4"))]
    assert kept
    assert all(torch.equal(own[name], known[name]) for name in kept)


@pytest.mark.parametrize("key", ["state_dict", "model", None])
def test_a_file_of_torch_is_read_without_running_code(folder: Path, tmp_path: Path, key: str | None) -> None:
    space = load_design_space(folder / "fixed.yaml")
    plain = space.decode(dict.fromkeys(space.decisions, False))
    ours = {name: value for name, value in weights_of(build_model(plain, num_classes=5)).items() if value.dim()}
    named = {f"layer{number}": value for number, value in enumerate(ours.values())}
    torch.save(named if key is None else {key: named, "epoch": 3}, tmp_path / "weights.pth")
    run = tmp_path / "run"

    start_search(request_in(folder, weights=str(tmp_path / "weights.pth"), budget=1, run=run), quiet_console())

    kept = Pretrained.read(run / "pretrained.safetensors")
    assert kept.weights.keys() == ours.keys()
    assert all(torch.equal(kept.weights[name], value) for name, value in ours.items())
    assert kept.network == plain


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": "nowhere.pth"}, "--weights nowhere.pth: no such file"),
        ({"weights": "{folder}/fixed.yaml"}, "neither a .safetensors file nor a .pth file that holds only tensors"),
        ({"weights": "{folder}/tiny.npz"}, "neither a .safetensors file nor a .pth file that holds only tensors"),
        ({"weights": "{folder}/code.pth"}, "neither a .safetensors file nor a .pth file that holds only tensors"),
        ({"weights": "{folder}/text.pth"}, "neither a .safetensors file nor a .pth file that holds only tensors"),
        ({"weights": "{folder}/empty.pth"}, "neither a .safetensors file nor a .pth file that holds only tensors"),
        ({"weights": "{folder}/empty.safetensors"}, "neither a .safetensors file nor a .pth file"),
        ({"weights": "{folder}"}, "no such file"),
        ({"weights": "{folder}/numbers.pth"}, r"expected the tensors of a network by name \(a state dict\)"),
        ({"weights": "{folder}/other.safetensors"}, "layer0 is unknown, and a .safetensors file keeps no order"),
        ({"weights": "{folder}/list.pth"}, r"expected the tensors of a network by name \(a state dict\)"),
        ({"weights": "{folder}/few.safetensors"}, "it has 1 tensors, but this trunk needs 42; weight is unknown$"),
        ({"weights": "{folder}/few.pth"}, "it has 1 tensors, but this trunk needs 42; weight has the shape"),
        ({"weights": "{folder}/lacking.pth"}, "it has 41 tensors, but this trunk needs 42; it lacks stem.1.bias$"),
        ({"weights": "{folder}/extra.pth"}, "it has 43 tensors, but this trunk needs 42; this trunk has no extra.x1b$"),
        ({"weights": "{folder}/wide.safetensors"}, r"stem.0.weight has the shape \(9, 3, 3, 3\), but stem.0.weight of"),
        ({"weights": "torchvision"}, "needs a space with `trunk: NAME`"),
        ({"space": "{folder}/open.yaml"}, "needs one fixed trunk, but space 'open' leaves stage1.depth open"),
    ],
)
def test_wrong_weights_get_one_line(folder: Path, tmp_path: Path, change: dict[str, str], message: str) -> None:
    (folder / "open.yaml").write_text(
        FIXED.replace("{width: 8, stride: 1}\n  -", "{width: 8, stride: 1, depth: [1, 2]}\n  -")
    )
    torch.save({"weight": Evil()}, folder / "code.pth")
    torch.save([torch.zeros(1)], folder / "list.pth")
    torch.save({1: torch.zeros(1)}, folder / "numbers.pth")
    (folder / "text.pth").write_text("hello world\n")
    for ending in ("pth", "safetensors"):
        (folder / f"empty.{ending}").touch()
    good = weights_of(build_model(_plain(folder), num_classes=5))
    save_file({"weight": torch.zeros(1)}, folder / "few.safetensors")
    torch.save({"weight": torch.zeros(1)}, folder / "few.pth")
    save_file(good | {"stem.0.weight": torch.zeros(9, 3, 3, 3)}, folder / "wide.safetensors")
    torch.save({name: value for name, value in good.items() if name != "stem.1.bias"}, folder / "lacking.pth")
    torch.save({**good, "extra\x1b": torch.zeros(1)}, folder / "extra.pth")
    others = [value for value in good.values() if value.dim()]
    save_file({f"layer{number}": value for number, value in enumerate(others)}, folder / "other.safetensors")
    given = {name: value.format(folder=folder) for name, value in change.items()}
    if "space" in given:
        given["space"] = Path(given["space"])  # type: ignore[assignment]

    with pytest.raises(InputError, match=message) as caught:
        start_search(request_in(folder, run=tmp_path / "run", **given), quiet_console())

    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


class Evil:
    """An object that would run code when a pickle is read."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return exec, ("raise SystemExit('code of a weights file ran')",)


def _plain(folder: Path) -> Architecture:
    space = load_design_space(folder / "fixed.yaml")
    return space.decode(dict.fromkeys(space.decisions, False))


@pytest.mark.parametrize(
    ("trunk", "message"),
    [
        ("regnet_y_400mf", "cannot be downloaded .*download it elsewhere and give the file"),
        ("regnety_006", "torchvision has no network regnety_006; give a file of its weights"),
    ],
)
def test_weights_that_cannot_be_downloaded_get_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trunk: str, message: str
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise URLError("no connection")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    (tmp_path / "space.yaml").write_text(f"image_size: 32\ntrunk: {trunk}\nse: {{present: [false, true]}}\n")

    with pytest.raises(InputError, match=message):
        start_search(request_in(folder, space=tmp_path / "space.yaml", weights="torchvision"), quiet_console())


def test_a_search_without_its_weights_is_not_resumed(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    quiet = quiet_console()
    start_search(request_in(folder, run=run, budget=1), quiet)
    (run / "pretrained.safetensors").unlink()

    with pytest.raises(InputError, match=r"pretrained\.safetensors: missing; the search was begun with these weights"):
        resume_search(run, SearchRequest(resume=run, budget=2, wandb="off", workers=1), quiet)


def test_a_network_of_ones_own_starts_with_its_weights(folder: Path, tmp_path: Path) -> None:
    source = read_network(OWN)
    sites = record_sites(source, num_classes=7, image_size=8)
    plain = OwnNetworkTrunk(own=source.trunk, groups=grouped(sites, by_stage=False)).network({})
    torch.save(weights_of(build_model(plain, num_classes=7)), tmp_path / "own.pth")
    run = tmp_path / "run"
    console = Console(file=io.StringIO(), width=200)

    start_search(request_in(folder, space=None, own_network=OWN, weights=str(tmp_path / "own.pth"), run=run), console)

    kept = Pretrained.read(run / "pretrained.safetensors")
    network = load_architecture(_network(run, 1))
    ours = build_model(network, num_classes=2)
    kept.start(ours)
    body, known = ours[:-1].eval(), build_model(plain, num_classes=7)  # type: ignore[index]
    known.load_state_dict(torch.load(tmp_path / "own.pth", weights_only=True))
    torch.testing.assert_close(body(IMAGES), known[:-1].eval()(IMAGES))  # type: ignore[index]
    assert "a new classifier for 2 classes (the weights have 7)" in console.file.getvalue()  # type: ignore[attr-defined]

import json
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from se_nas.commands.predict.flags import PredictRequest
from se_nas.commands.predict.predict import predict
from se_nas.errors import InputError, RunFailedError
from se_nas.training.trained import TrainedNetwork, save_trained
from tests.fakes import network_with_se, trained_network


@pytest.fixture
def network(tmp_path: Path) -> TrainedNetwork:
    names = ("plain", "\\[/x]markup", "esc\x1b[31m")
    network = trained_network(network_with_se("inner/4"), class_names=names, image_size=8)
    save_trained(tmp_path, network)
    return network


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    paths = []
    for number, size in enumerate(((8, 8), (30, 20), (8, 8))):
        pixels = np.random.default_rng(number).integers(0, 256, (*size, 3)).astype(np.uint8)
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(pixels).save(paths[-1])
    return paths


def said(console: Console) -> str:
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_each_image_gets_the_networks_classes_in_their_order(
    tmp_path: Path, network: TrainedNetwork, images: list[Path], console: Console
) -> None:
    predict(PredictRequest(retrained=tmp_path, images=tuple(images), top=3, json=True), console, console)

    rows = [json.loads(line) for line in said(console).splitlines()]
    assert [row["image"] for row in rows] == [str(path) for path in images]
    pixels = torch.from_numpy(np.array(Image.open(images[0]))).permute(2, 0, 1)[None] / 255
    shares = network.build_deployed()(pixels).softmax(1)[0]
    assert {each["name"]: each["share"] for each in rows[0]["classes"]} == pytest.approx(
        dict(zip(network.class_names, shares.tolist(), strict=True)), abs=1e-5
    )
    for row in rows:
        ranked = [each["share"] for each in row["classes"]]
        assert ranked == sorted(ranked, reverse=True)
        assert sum(ranked) == pytest.approx(1, abs=1e-5)


@pytest.mark.usefixtures("network")
def test_control_characters_in_names_do_not_reach_the_terminal(
    tmp_path: Path, images: list[Path], console: Console
) -> None:
    predict(PredictRequest(retrained=tmp_path, images=tuple(images), top=3), console, console)

    assert "\x1b" not in said(console)
    assert "\\[/x]markup" in said(console)


@pytest.mark.usefixtures("network")
def test_an_image_that_cannot_be_read_is_named_and_the_others_are_predicted(
    tmp_path: Path, images: list[Path], console: Console
) -> None:
    images[1] = images[1].rename(tmp_path / "red\x1b[31m.png")
    images[1].write_bytes(b"no image")
    complaints = Console(file=StringIO(), width=200)

    with pytest.raises(RunFailedError, match="1 of 3 images could not be read"):
        predict(PredictRequest(retrained=tmp_path, images=tuple(images), json=True), console, complaints)

    assert "red\\x1b[31m.png: cannot be read as an image" in said(complaints)
    assert [json.loads(line)["image"] for line in said(console).splitlines()] == [str(images[0]), str(images[2])]


@pytest.mark.usefixtures("network")
def test_no_image_at_all_is_bad_input(tmp_path: Path, console: Console) -> None:
    with pytest.raises(InputError, match="none of the images could be read"):
        predict(PredictRequest(retrained=tmp_path, images=(tmp_path / "missing.png",)), console, console)

import csv
import fcntl
import json
import os
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from se_nas.commands.predict.flags import PredictRequest
from se_nas.commands.predict.predict import predict
from se_nas.data.decoding import Decoding
from se_nas.data.folders.image_file import read_image
from se_nas.errors import InputError, RunFailedError
from se_nas.training.trained import TrainedNetwork, save_trained
from tests.conftest import quiet_console
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


@pytest.mark.parametrize("decoding", list(Decoding))
def test_a_photograph_is_decoded_as_the_training_images_were(
    tmp_path: Path, network: TrainedNetwork, console: Console, decoding: Decoding
) -> None:
    save_trained(tmp_path, replace(network, decoding=decoding))
    pixels = np.random.default_rng(0).integers(0, 256, (96, 64, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(photograph := tmp_path / "photograph.jpg")
    whole, scaled = (read_image(photograph, 8, decoding=each) for each in Decoding)
    assert (whole != scaled).any()

    predict(PredictRequest(retrained=tmp_path, images=(photograph,), top=3, json=True), console, console)

    read = torch.from_numpy(whole if decoding is Decoding.WHOLE else scaled).permute(2, 0, 1)[None] / 255
    shares = network.build_deployed()(read).softmax(1)[0].tolist()
    found = {each["name"]: each["share"] for each in json.loads(said(console))["classes"]}
    assert found == pytest.approx(dict(zip(network.class_names, shares, strict=True)), abs=1e-6)


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
@pytest.mark.parametrize("name", ["n" * 300 + ".png", "f/" * 3000 + "a.png", "none.png/a.png", "loop/a.png"])
def test_a_path_that_cannot_be_looked_at_is_one_bad_file(
    tmp_path: Path, images: list[Path], console: Console, name: str
) -> None:
    (tmp_path / "loop").symlink_to("loop")
    complaints = Console(file=StringIO(), width=20_000)

    with pytest.raises(RunFailedError, match="1 of 2 images could not be read"):
        predict(PredictRequest(retrained=tmp_path, images=(tmp_path / name, images[0])), console, complaints)

    assert str(tmp_path / name) in said(complaints)
    assert "0.png" in said(console)


@pytest.mark.usefixtures("network")
def test_a_folder_without_permission_is_one_bad_file(
    tmp_path: Path, images: list[Path], console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.stat

    def stat(path: Path, **options: bool) -> os.stat_result:
        if path.name == "closed.png":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, **options)

    monkeypatch.setattr(Path, "stat", stat)

    with pytest.raises(RunFailedError, match="1 of 2 images could not be read"):
        predict(PredictRequest(retrained=tmp_path, images=(tmp_path / "closed.png", images[0])), console, console)


@pytest.mark.usefixtures("network")
def test_an_image_that_is_named_twice_has_one_row(
    tmp_path: Path, folder: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    image = next(folder.rglob("[0-9].png"))
    complaints = quiet_console()
    names = (folder, image, image.relative_to(folder.parent), folder)

    predict(PredictRequest(retrained=tmp_path, images=names, json=True), console, complaints)

    predicted = [json.loads(line)["image"] for line in said(console).splitlines()]
    assert sorted(predicted) == sorted(map(str, folder.rglob("[0-9].png")))
    assert "left out  names of files that were named before: 5" in said(complaints)


@pytest.mark.usefixtures("network")
def test_no_image_at_all_is_bad_input(tmp_path: Path, console: Console) -> None:
    with pytest.raises(InputError, match="none of the images could be read"):
        predict(PredictRequest(retrained=tmp_path, images=(tmp_path / "missing.png",)), console, console)


@pytest.fixture
def folder(tmp_path: Path, images: list[Path]) -> Path:
    """A folder of three images at two depths, with a hidden file and a list beside them."""
    inner = tmp_path / "photos" / "deep" / "down"
    inner.mkdir(parents=True)
    for image, place in zip(images, (inner, inner, inner.parents[1]), strict=True):
        image.rename(place / image.name)
    (inner / "list.txt").write_text("0.png")
    (inner.parents[1] / ".hidden.png").write_bytes(b"")
    return inner.parents[1]


@pytest.mark.usefixtures("network")
def test_a_folder_is_read_to_its_depths_and_what_is_no_image_is_counted(
    tmp_path: Path, folder: Path, console: Console
) -> None:
    complaints = quiet_console()
    predict(PredictRequest(retrained=tmp_path, images=(folder,), json=True), console, complaints)

    predicted = [json.loads(line)["image"] for line in said(console).splitlines()]
    assert sorted(predicted) == sorted(map(str, folder.rglob("[0-9].png")))
    assert f"{folder}: hidden or system files: 1 (.hidden.png)" in said(complaints)
    assert "files whose suffix is not that of an image (.txt): 1 (deep/down/list.txt)" in said(complaints)


@pytest.mark.usefixtures("network")
@pytest.mark.parametrize(("names", "message"), [((), ""), (("a.txt", "b"), "\\.txt, none")])
def test_a_folder_without_images_is_refused(
    tmp_path: Path, console: Console, names: tuple[str, ...], message: str
) -> None:
    (tmp_path / "empty").mkdir()
    for name in names:
        (tmp_path / "empty" / name).write_text("")

    with pytest.raises(InputError, match=f"empty: a folder without images.*{message}"):
        predict(PredictRequest(retrained=tmp_path, images=(tmp_path / "empty",)), console, console)


def test_the_table_has_a_row_for_each_image_also_for_damaged_ones(
    tmp_path: Path, network: TrainedNetwork, images: list[Path], console: Console
) -> None:
    images[1].write_bytes(b"no image")
    table = tmp_path / "predictions.csv"

    with pytest.raises(RunFailedError, match="1 of 3 images could not be read"):
        predict(PredictRequest(retrained=tmp_path, images=tuple(images), csv=table), console, console)

    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["path", "class", "probability", "class_2", "probability_2", "error"]
    assert [row["path"] for row in rows] == list(map(str, images))
    assert {row["class"] for row in rows} <= {*network.class_names, ""}
    assert rows[1]["class"] == ""
    assert "cannot be read as an image" in rows[1]["error"]
    assert float(rows[0]["probability"]) >= float(rows[0]["probability_2"])
    assert f"written   {table}: 2 images" in said(console)
    assert "share" not in said(console)


@pytest.mark.usefixtures("network")
@pytest.mark.parametrize(("top", "classes"), [(1, 2), (3, 3), (9, 3)])
def test_the_table_has_at_least_two_classes_and_at_most_all(
    tmp_path: Path, images: list[Path], console: Console, top: int, classes: int
) -> None:
    table = tmp_path / "predictions.csv"
    predict(PredictRequest(retrained=tmp_path, images=tuple(images), csv=table, top=top), console, console)
    predict(PredictRequest(retrained=tmp_path, images=tuple(images), csv=table, top=top), console, console)  # again

    columns = table.read_text().splitlines()[0].split(",")
    assert len(columns) == 2 + 2 * classes


@pytest.mark.usefixtures("network")
def test_an_earlier_table_stays_if_no_image_can_be_read(tmp_path: Path, console: Console) -> None:
    table = tmp_path / "predictions.csv"
    table.write_text("path,class,probability\n")

    with pytest.raises(InputError, match="none of the images could be read"):
        predict(PredictRequest(retrained=tmp_path, images=(tmp_path / "missing.png",), csv=table), console, console)

    assert table.read_text() == "path,class,probability\n"
    assert not list(tmp_path.glob(".predictions*"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("-", "expected the name of a file"),
        ("nowhere/table.csv", "there is no folder"),
        ("photo.png", "already there, and not a file of predictions"),
        ("folder", "expected a file, but this is not a file"),
    ],
)
def test_a_table_is_not_written_over_something_else(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "photo.png").write_bytes(b"\x89PNG")
    (tmp_path / "folder").mkdir()

    with pytest.raises(InputError, match=message):
        PredictRequest(retrained=tmp_path, images=(tmp_path,), csv=tmp_path / name).check()


@pytest.mark.usefixtures("network")
def test_what_a_killed_process_left_beside_the_table_is_removed(
    tmp_path: Path, images: list[Path], console: Console
) -> None:
    left, others, goes_on = (tmp_path / f".{name}" for name in ("p.csv.0123abcd", "q.csv.0123abcd", "p.csv.89abcdef"))
    for each in (left, others, goes_on):
        each.write_text("")

    with goes_on.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        predict(PredictRequest(retrained=tmp_path, images=tuple(images), csv=tmp_path / "p.csv"), console, console)

    assert sorted(tmp_path.glob(".*")) == [goes_on, others]
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 1 + len(images)

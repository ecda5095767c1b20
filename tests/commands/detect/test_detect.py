"""Detectors on retrained networks: trained, interrupted, compared and shown."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from se_nas.commands.detect import detect as command
from se_nas.commands.detect.flags import DetectRequest
from se_nas.commands.detect.trunks import Trunk, compared_trunks
from se_nas.data.boxes.coco_data import load_boxes
from se_nas.data.pixels import PixelScale
from se_nas.errors import InputError, RunFailedError, WriteError
from se_nas.files import write_checked
from se_nas.runs.detected_files import DetectedResult, read_detected
from se_nas.runs.retrained_files import RetrainedResult
from se_nas.space.architecture import Architecture
from se_nas.space.placements import without_se
from se_nas.tracking.guarded import Guard, Reporter
from se_nas.training.detection.detector_file import load_detector
from se_nas.training.detection.detector_trainer import DetectorTrainer
from se_nas.training.trained import load_trained, save_trained
from tests.coco_files import SIZE, write_coco
from tests.conftest import LaunchHere
from tests.fakes import network_with_se, trained_network


@pytest.fixture
def retrained(tmp_path: Path) -> Path:
    """The folder of a retrained network that has been passed on without its run folder."""
    folder = tmp_path / "trained"
    folder.mkdir()
    save_trained(folder, trained_network(network_with_se("inner/4", "none"), class_names=("a", "b"), image_size=16))
    return folder


@pytest.fixture
def request_boxes(retrained: Path, tmp_path: Path) -> Callable[..., DetectRequest]:
    source = f"coco:{write_coco(tmp_path / 'boxes')}"

    def request(**changes: Any) -> DetectRequest:
        settings = {"image_size": 32, "epochs": 2, "batch": 3, "detector": "fcos", "wandb": "off"}
        return DetectRequest(**{"retrained": retrained, "data": source, **settings, **changes})

    return request


Requested = Callable[..., DetectRequest]


def detected(request: DetectRequest, console: Console) -> dict[str, DetectedResult]:
    """The results by the names of their folders."""
    request.check()
    command.detect(request, console)
    folders = [file.parent for file in request.retrained.glob("detect/*/*/result.json")]
    results = {folder.name: read_detected(folder) for folder in folders}
    return {name: result for name, result in results.items() if result is not None}


def timeless(result: DetectedResult) -> dict[str, Any]:
    values = result.model_dump()
    for epoch in values["history"]:
        del epoch["seconds"]
    return values


def said(console: Console) -> str:
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def page_of(folder: Path, name: str = "page.html") -> str:
    (page,) = folder.glob(f"detect/*/{name}")
    return page.read_text()


def test_a_detector_learns_on_retrained_weights_and_can_be_loaded(
    request_boxes: Requested, retrained: Path, console: Console
) -> None:
    results = detected(request_boxes(), console)

    (result,) = results.values()
    assert set(results) == {"found-retrained-seed-0"}
    assert (result.start, result.images, len(result.history)) == ("retrained", {"train": 6, "validation": 4}, 2)
    (folder,) = retrained.glob("detect/*/found-retrained-seed-0")
    assert sorted(file.name for file in folder.iterdir()) == ["detections.json", "detector.safetensors", "result.json"]
    detector = load_detector(folder)
    assert detector.class_names == ("bright", "dark")
    with torch.no_grad():
        (found,) = detector.model([torch.rand(3, 40, 48)])
    assert set(found) == {"boxes", "labels", "scores"}
    assert "COCO's AP on 4 validation images" in said(console)


def test_the_file_of_found_boxes_has_cocos_ids(request_boxes: Requested, retrained: Path, console: Console) -> None:
    detected(request_boxes(), console)
    (file,) = retrained.glob("detect/*/*/detections.json")
    rows = json.loads(file.read_text())
    assert {row["category_id"] for row in rows} <= {3, 7}
    assert {row["image_id"] for row in rows} <= {6, 7, 8, 9}
    assert all(row["bbox"][0] >= 0 and row["bbox"][0] + row["bbox"][2] <= SIZE[0] + 0.1 for row in rows)


def test_a_finished_detector_is_only_printed(
    request_boxes: Requested, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = detected(request_boxes(), console)
    monkeypatch.setattr(DetectorTrainer, "run_epoch", lambda *_: pytest.fail("it is trained again"))
    assert detected(request_boxes(), console) == first


@pytest.mark.parametrize("kind", [pytest.param("faster_rcnn", marks=pytest.mark.slow), "fcos"])
def test_an_interrupted_training_continues_to_the_same_result(
    request_boxes: Requested, retrained: Path, console: Console, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    request = request_boxes(epochs=3, detector=kind)
    whole = detected(request, console)
    shutil.rmtree(retrained / "detect")
    run_epoch = DetectorTrainer.run_epoch

    def interrupted(trainer: DetectorTrainer, *arguments: Any) -> Any:
        if trainer.epoch == 1:
            raise KeyboardInterrupt
        return run_epoch(trainer, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(DetectorTrainer, "run_epoch", interrupted)
        with pytest.raises(KeyboardInterrupt) as stop:
            command.detect(request, console)
    resumed = detected(request, console)

    assert stop.value.__notes__ == ["the same command continues after epoch 1"]
    assert "continuing after epoch 1" in said(console)
    assert {name: timeless(each) for name, each in resumed.items()} == {
        name: timeless(each) for name, each in whole.items()
    }
    assert not list(retrained.rglob("checkpoint.safetensors"))


def test_a_training_that_stopped_while_it_wrote_its_files_is_completed(
    request_boxes: Requested, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise WriteError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr("se_nas.commands.detect.training.write_found", full)
        with pytest.raises(WriteError):
            detected(request_boxes(), console)
    assert len(detected(request_boxes(), console)["found-retrained-seed-0"].history) == 2


def test_a_training_that_was_killed_after_its_result_ends_its_wandb_run_and_leaves_no_checkpoint(
    request_boxes: Requested, retrained: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = detected(request_boxes(), console)
    (folder,) = retrained.glob("detect/*/found-retrained-seed-0")
    (folder / "checkpoint.safetensors").write_bytes(b"left over")
    ended = []

    class Run:
        def ended(self, summary: dict[str, Any], files: Sequence[Path]) -> None:
            ended.append((summary["ap"], sorted(file.name for file in files)))

        def close(self) -> None:
            ended.append("closed")

    def guard(*_: Any, print_line: Callable[[str], None], **__: Any) -> Guard[Run]:
        return Guard(Reporter(build=Run, end=lambda: None, farewell=""), name="W&B", print_line=print_line)

    monkeypatch.setattr("se_nas.commands.detect.training._wandb_guard", guard)
    assert detected(request_boxes(), console) == finished

    names = ["detections.json", "detector.safetensors", "result.json"]
    assert ended == [(finished["found-retrained-seed-0"].ap, names), "closed"]
    assert not list(retrained.rglob("checkpoint.safetensors"))


def test_the_page_and_the_terminal_say_that_test_images_validate(
    request_boxes: Requested, retrained: Path, tmp_path: Path, console: Console
) -> None:
    boxes = tmp_path / "boxes"
    (boxes / "annotations" / "instances_val2017.json").rename(boxes / "annotations" / "instances_test2017.json")
    (boxes / "val2017").rename(boxes / "test2017")
    detected(request_boxes(epochs=1), console)
    assert "COCO's AP on 4 test images" in said(console)
    assert "It is measured on the test images" in page_of(retrained)
    assert "validation image" not in page_of(retrained)


@pytest.mark.parametrize(
    ("changes", "what"),
    [({"pixel_mean": (1.0, 2.0, 3.0)}, "normalisation"), ({"scale": PixelScale(white_of_whole=4095)}, "pixel scale")],
)
def test_other_pixel_statistics_in_the_same_folder_are_refused(
    request_boxes: Requested, retrained: Path, console: Console, changes: dict[str, Any], what: str
) -> None:
    request = request_boxes(compare="none,everywhere", seeds=2, epochs=1)
    detected(request, console)
    network = trained_network(network_with_se("inner/4", "none"), class_names=("a", "b"), image_size=16)
    save_trained(retrained, replace(network, **changes))
    with pytest.raises(InputError, match=f"trained with another {what}; remove the folder"):
        detected(request, console)


def test_placements_are_compared_on_the_same_seeds_with_an_interval(
    request_boxes: Requested, retrained: Path, console: Console
) -> None:
    results = detected(request_boxes(compare="none,everywhere", seeds=2, epochs=1), console)

    assert set(results) == {f"{name}-initial-seed-{seed}" for name in ("none", "everywhere") for seed in (0, 1)}
    assert {each.se[0] for name, each in results.items() if name.startswith("none")} == {"none"}
    assert all("none" not in each.se for name, each in results.items() if name.startswith("everywhere"))
    sentence = "SE everywhere is worth"
    assert sentence in said(console)
    assert "2 pairs of trainings on the same seeds" in said(console)
    assert "all trunks start with initial weights" in said(console)
    page = page_of(retrained, "compare-none-everywhere.html")
    assert sentence in page
    detected(request_boxes(epochs=1), console)
    assert page_of(retrained, "compare-none-everywhere.html") == page
    assert sentence not in page_of(retrained)


def test_the_page_needs_no_other_file_and_escapes_names(
    request_boxes: Requested, retrained: Path, tmp_path: Path, console: Console
) -> None:
    for file in (tmp_path / "boxes" / "annotations").iterdir():
        file.write_text(file.read_text().replace('"bright"', '"<script>bright"'))
    detected(request_boxes(), console)
    page = page_of(retrained)
    assert page.count("data:image/jpeg;base64,") == 4
    assert "&lt;script&gt;bright" in page
    assert "<script" not in page
    assert "http" not in page.replace("http://www.w3.org", "")


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"compare": "none,evrywhere"}, "no placement 'evrywhere'; did you mean everywhere?"),
        ({"compare": "none"}, "expected two or three different ones"),
        ({"compare": "none,none"}, "expected two or three different ones"),
        ({"compare": "none,found", "seeds": 1}, "an interval needs at least two seeds"),
        ({"data": "imagefolder:x"}, "--data imagefolder:x: expected coco:PATH"),
        ({"epochs": 0}, "--epochs 0: must be at least 1"),
        ({"image_size": 8}, "--image-size 8: must be at least 32"),
        ({"batch": 0}, "--batch 0: must be at least 1"),
        ({"seeds": 0}, "--seeds 0: must be at least 1"),
        ({"learning_rate": 0.0}, "--learning-rate 0.0: must be more than 0"),
        ({"learning_rate": float("nan")}, "--learning-rate nan: must be more than 0"),
    ],
)
def test_a_wrong_flag_is_refused(request_boxes: Requested, changes: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError) as refusal:
        request_boxes(**changes).check()
    assert line in str(refusal.value)


def test_two_placements_that_are_the_same_network_are_refused(
    request_boxes: Requested, retrained: Path, console: Console
) -> None:
    save_trained(retrained, trained_network(network_with_se("none"), class_names=("a", "b"), image_size=16))
    with pytest.raises(InputError, match="'none' and 'found' are the same network"):
        detected(request_boxes(compare="none,found"), console)


def test_a_folder_without_a_network_is_refused(request_boxes: Requested, tmp_path: Path, console: Console) -> None:
    with pytest.raises(InputError, match="no retrained network"):
        detected(request_boxes(retrained=tmp_path / "nowhere"), console)


def test_other_settings_in_the_same_folder_are_refused(request_boxes: Requested, console: Console) -> None:
    detected(request_boxes(), console)
    with pytest.raises(InputError, match="trained with another recipe; remove the folder"):
        detected(request_boxes(learning_rate=0.5), console)


def test_a_loss_that_is_not_finite_ends_the_training_with_a_line(request_boxes: Requested, console: Console) -> None:
    with pytest.raises(RunFailedError, match="lower --learning-rate"):
        detected(request_boxes(learning_rate=1e30), console)


def test_a_damaged_result_is_refused_with_a_line(request_boxes: Requested, retrained: Path, console: Console) -> None:
    detected(request_boxes(), console)
    (file,) = retrained.glob("detect/*/*/result.json")
    file.write_text(file.read_text().replace('"seed": 0', '"seed": 1'))
    with pytest.raises(InputError, match="damaged; remove the folder"):
        detected(request_boxes(), console)


def test_one_class_and_one_image_of_each_part_are_enough(
    request_boxes: Requested, tmp_path: Path, console: Console
) -> None:
    shutil.rmtree(tmp_path / "boxes")
    write_coco(tmp_path / "boxes", train=1, validation=1)
    for file in (tmp_path / "boxes" / "annotations").iterdir():
        file.write_text(json.dumps(json.loads(file.read_text()) | {"categories": [{"id": 3, "name": "bright"}]}))

    (result,) = detected(request_boxes(), console).values()

    assert (result.images, result.classes) == ({"train": 1, "validation": 1}, ["bright"])
    assert "boxes of a category that is not listed: 2" in said(console)


def test_ctrl_c_ends_the_script_with_130_and_names_how_to_continue(
    request_boxes: Requested, launch_here: LaunchHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(DetectorTrainer, "run_epoch", interrupted)
    request = request_boxes()

    done = launch_here("detect.py", request.retrained, "--data", request.data, "--wandb", "off")

    assert done.returncode == 130
    assert done.stderr == "detect.py: interrupted; the same command continues after epoch 0\n"


def test_a_path_without_images_ends_the_script_with_one_line(
    request_boxes: Requested, launch_here: LaunchHere, tmp_path: Path
) -> None:
    done = launch_here("detect.py", request_boxes().retrained, "--data", f"coco:{tmp_path / 'bxes'}", "--wandb", "off")
    assert done.returncode == 2
    assert done.stderr.startswith(f"detect.py: --data coco:{tmp_path / 'bxes'}: no such folder; expected")
    assert done.stderr.count("\n") == 1


def retrained_beside(folder: Path, architecture: Architecture, **changes: Any) -> None:
    """A folder with a retrained network, as `retrain` writes it."""
    folder.mkdir(exist_ok=True)
    save_trained(folder, trained_network(architecture, class_names=("a", "b"), image_size=16))
    result = RetrainedResult(
        network=folder.name,
        trial=0,
        fingerprint=architecture.fingerprint(),
        se=list(architecture.se_tokens),
        search_accuracy=None,
        validation_accuracy=0.5,
        test_accuracy=0.5,
        test_images=4,
        cost={"flops": 1.0},
        data="digits",
        images={"train": 4, "validation": 4},
        image_size=16,
        classes=["a", "b"],
        seed=0,
        recipe_name="long",
        recipe={"epochs": 1},
        batch_size=2,
        version="1",
    )
    write_checked(folder / "result.json", result.model_copy(update=changes).model_dump())


def test_compared_placements_start_with_retrained_weights_if_all_have_them(retrained: Path) -> None:
    found = network_with_se("inner/4", "none")
    retrained_beside(retrained, found)
    retrained_beside(retrained.parent / "plain", without_se(found))
    network = load_trained(retrained)

    both, no_reasons = compared_trunks(retrained, network, ("none", "found"))
    one_is_missing, reasons = compared_trunks(retrained, network, ("none", "found", "everywhere"))

    assert [trunk.start for trunk in both] == ["retrained"] * 2
    assert both[0].network is not None
    assert both[0].network.architecture == without_se(found)
    assert (no_reasons, both[0].folder) == ((), retrained.parent / "plain")
    assert [trunk.start for trunk in one_is_missing] == ["initial"] * 3
    assert reasons == (f"SE everywhere: this network was not retrained in {retrained.parent}",)


@pytest.mark.parametrize("start", ["initial", "retrained"])
def test_pyramid_and_heads_start_equal_for_every_placement(
    request_boxes: Requested, retrained: Path, start: str
) -> None:
    found = network_with_se("inner/4", "none")
    retrained_beside(retrained, found)
    if start == "retrained":
        retrained_beside(retrained.parent / "plain", without_se(found))
    network = load_trained(retrained)
    trunks, _ = compared_trunks(retrained, network, ("none", "found"))
    request = request_boxes()
    data = load_boxes(request.data)
    torch.manual_seed(1)
    expected = torch.random.get_rng_state()

    def weights(trunk: Trunk, seed: int) -> dict[str, torch.Tensor]:
        built = command._task(request, retrained, network, trunk, data, seed).build()
        return {name: value for name, value in built.state_dict().items() if ".trunk." not in name}

    (first, second), other = (weights(trunk, 0) for trunk in trunks), weights(trunks[0], 1)

    assert {trunk.start for trunk in trunks} == {start}
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert not all(torch.equal(value, other[name]) for name, value in first.items())
    assert torch.equal(torch.random.get_rng_state(), expected)


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"seed": 1}, "another seed (1, not 0)"),
        ({"batch_size": 4}, "another batch size (4, not 2)"),
        ({"image_size": 32}, "another image size (32, not 16)"),
        ({"data": "fashion"}, "another data (fashion, not digits)"),
        ({"images_fingerprint": "a"}, "another images fingerprint (a, not None)"),
        ({"recipe_name": "short"}, "another recipe name (short, not long)"),
        ({"recipe": {"epochs": 2}}, "another epochs (2, not 1)"),
    ],
)
def test_weights_that_were_retrained_otherwise_are_not_compared(
    retrained: Path, changes: dict[str, Any], difference: str
) -> None:
    found = network_with_se("inner/4", "none")
    retrained_beside(retrained, found)
    retrained_beside(retrained.parent / "plain", without_se(found), **changes)

    trunks, reasons = compared_trunks(retrained, load_trained(retrained), ("none", "found"))

    assert [trunk.start for trunk in trunks] == ["initial"] * 2
    assert reasons == (f"SE none: {retrained.parent / 'plain'} was retrained with {difference} than {retrained}",)
    retrained_beside(retrained.parent / "plain-too", without_se(found))
    assert compared_trunks(retrained, load_trained(retrained), ("none", "found"))[0][0].folder is not None

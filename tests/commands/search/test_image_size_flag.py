"""`--image-size`: one size in place of that of the space, for image files and for arrays."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from se_nas.commands.confirm import confirm
from se_nas.commands.confirm.flags import ConfirmRequest
from se_nas.commands.retrain import retrain
from se_nas.commands.retrain.flags import RetrainRequest
from se_nas.commands.search import search
from se_nas.commands.search.flags import SearchRequest
from se_nas.commands.search.space import with_image_size
from se_nas.errors import InputError
from se_nas.runs.run_folder import RunFolder
from se_nas.runs.settings import load_config
from se_nas.space.files.loading import load_stored_space
from se_nas.space.yaml_file import parse_yaml
from se_nas.training.trained import load_trained
from tests.commands.conftest import said_on

pytestmark = pytest.mark.usefixtures("without_figures")


def write_folder(path: Path) -> str:
    """Write a folder of 60 images of 20 pixels in two classes; return its source."""
    rng = np.random.default_rng(0)
    for name in "ab":
        (path / name).mkdir(parents=True)
        for index in range(30):
            pixels = rng.integers(0, 256, (20, 20, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(path / name / f"{index}.png")
    return f"imagefolder:{path}"


@pytest.mark.parametrize("kind", ["arrays", "image files"])
def test_a_search_and_the_commands_after_it_use_the_size(
    tmp_path: Path, space_file: Path, data_file: Path, console: Console, kind: str
) -> None:
    data = f"npz:{data_file}" if kind == "arrays" else write_folder(tmp_path / "set")
    run = tmp_path / "run"
    request = SearchRequest(
        space=space_file,
        data=data,
        image_size=12,
        budget=2,
        epochs=1,
        run=run,
        workers=1,
        strategy="random",
        wandb="off",
    )
    search.start_search(request, console)
    search.resume_search(run, SearchRequest(budget=3, workers=1, wandb="off"), console)
    confirm.confirm(ConfirmRequest(run_dir=run, seeds=1, workers=1, wandb="off"), console)
    retrain.retrain(RetrainRequest(run_dir=run, epochs=1, wandb="off"), console)

    (folder,) = (run / "retrain").iterdir()
    assert load_config(RunFolder(run)).image_size == 12
    assert load_stored_space(run / "space.yaml").image_size == 12
    assert json.loads((run / "images.json").read_text())["image_size"] == 12
    assert load_trained(folder).image_size == 12
    assert "--image-size 12" in (run / "report.html").read_text()
    assert ("images of 8 px are resized to 12 px" in (run / "images.json").read_text()) == (kind == "arrays")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("# Why?\nimage_size: 8  # px\nname: x\n", "# Why?\n"),
        ("# Why?\nname: x\nimage_size: [8, 16]\n", "name: x\n"),
        ("# Why?\nimage_size:\n  - 8\n  - 16\nname: x\n", "# Why?\n"),
        ("# Why?\nimage_size: {from: 8,\n  to: 16}\nname: x\n", "# Why?\n"),
        ("{name: x, image_size: 8}\n", ""),
        ('"image_size": 8\nname: x\n', ""),
    ],
)
def test_the_size_replaces_that_of_the_space_however_it_is_written(text: str, kept: str) -> None:
    content = with_image_size(Path("space.yaml"), text.encode(), 32)

    assert parse_yaml(Path("space.yaml"), content).data == {"name": "x", "image_size": 32}
    assert kept in content.decode()


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (SearchRequest(image_size=0), "--image-size 0: expected a whole number of 1 to 4,096"),
        (SearchRequest(image_size=-8), "--image-size -8: expected a whole number of 1 to 4,096"),
        (SearchRequest(image_size=5000), "--image-size 5000: expected a whole number of 1 to 4,096"),
        (SearchRequest(image_size=32, resume=Path("run")), "--image-size 32: belongs to a new search"),
    ],
)
def test_a_size_that_cannot_be_is_refused(request_: SearchRequest, message: str) -> None:
    with pytest.raises(InputError, match=message):
        request_.check()


@pytest.mark.parametrize(
    ("space", "size", "message"),
    [
        ("resnet_imagenet", 2, "on 2 px images"),
        ("small", 4000, "--image-size 4000: 1,797 images of digits would take 86.3 GB of memory"),
    ],
)
def test_a_size_that_does_not_fit_the_space_or_the_memory_is_refused(
    console: Console, space: str, size: int, message: str
) -> None:
    request = SearchRequest(space=Path(space), image_size=size, dry_run=True)
    with pytest.raises(InputError, match=message):
        search.start_search(request, console)


def test_a_space_that_scales_the_image_size_refuses_another(tmp_path: Path, console: Console) -> None:
    space = tmp_path / "scaled.yaml"
    space.write_text("image_size: 32\nefficientnet:\n  phi: {from: 0.0, to: 1.0}\n  gamma: 1.15\n")

    with pytest.raises(InputError, match="--image-size 64: space 'scaled' scales the image size with its networks"):
        search.start_search(SearchRequest(space=space, image_size=64, dry_run=True), console)


def test_a_dry_run_shows_the_size(console: Console) -> None:
    search.start_search(SearchRequest(image_size=10, dry_run=True), console)

    assert "test images of 10 px" in said_on(console)
    assert "images of 8 px are resized to 10 px" in said_on(console)

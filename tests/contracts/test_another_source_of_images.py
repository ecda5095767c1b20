"""A made-up source of images, a CSV with a label and the pixels in each row, in every command that loads images."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from se_nas.commands.ablate.ablate import ablate
from se_nas.commands.ablate.flags import AblateRequest
from se_nas.commands.predict.flags import PredictRequest
from se_nas.commands.predict.predict import predict
from se_nas.commands.report.report import rewrite_report
from se_nas.commands.retrain.flags import RetrainRequest
from se_nas.commands.retrain.retrain import retrain
from se_nas.commands.run_loading import load_progress
from se_nas.commands.search.flags import SearchRequest
from se_nas.commands.search.search import resume_search, start_search
from se_nas.data.image_data import ImageData, ImageSet
from se_nas.data.odd_images import with_warnings
from se_nas.data.sources import PATH_SOURCES, Reading
from se_nas.data.splitting import split
from se_nas.errors import InputError
from se_nas.runs.run_folder import RunFolder

NAMES = ("dark", "light")
SIDE = 8


def load_csv(path: Path, reading: Reading) -> ImageData:
    rows = [line.split(",") for line in path.read_text().splitlines()]
    images = np.array([row[1:] for row in rows], float).astype(np.uint8).reshape(-1, SIDE, SIDE, 1).repeat(3, axis=3)
    whole = ImageSet(images=images, labels=np.array([NAMES.index(row[0]) for row in rows], np.int64))
    rest, test = split(whole, 0.25)
    train, validation = split(rest, 0.25)
    return with_warnings(
        ImageData(name=path.name, class_names=NAMES, train=train, validation=validation, test=test, mirrored=True)
    )


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of that source, whose first image is there twice. The current folder is that of the file."""
    rng = np.random.default_rng(0)
    rows = [[NAMES[label], *(rng.integers(0, 100, SIDE**2) + 120 * label)] for label in [0, 1] * 60]
    path = tmp_path / "images.csv"
    path.write_text("\n".join(",".join(map(str, row)) for row in [*rows, *[rows[0]] * 20]))
    monkeypatch.setitem(PATH_SOURCES, "csv", load_csv)
    monkeypatch.chdir(tmp_path)
    return path


def test_every_command_takes_its_images(
    file: Path, request_tiny: SearchRequest, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = replace(request_tiny, data="csv:images.csv", budget=2, epochs=1)
    run = request.run
    start_search(request, console)
    (run / "elsewhere").mkdir()
    monkeypatch.chdir(run / "elsewhere")
    resume_search(run, replace(request, run=None, space=None, data=None, resume=run, budget=3), console)
    ablate(AblateRequest(network=f"{run}:0", seeds=2, epochs=1, workers=1, wandb="off"), console)
    retrain(RetrainRequest(run_dir=run, pick="0", epochs=2, wandb="off"), console)
    rewrite_report(run, console)
    Image.new("L", (SIDE, SIDE), 250).save("light.png")
    (retrained,) = (run / "retrain").iterdir()
    predict(PredictRequest(retrained=retrained, images=(Path("light.png"),)), console, console)

    config, progress = load_progress(RunFolder.open(run))
    assert config.data == f"csv:{file}"
    assert len(progress.records) == 3
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "equal to training images" in said
    assert "light.png" in said
    assert "dark" in (run / "report.html").read_text()


@pytest.mark.parametrize("name", ["cvs:images.csv", "csv"])
def test_the_message_about_a_mistyped_name_suggests_it(file: Path, request_tiny: SearchRequest, name: str) -> None:
    with pytest.raises(InputError, match=r"--data c(vs|sv).*csv:PATH"):
        start_search(replace(request_tiny, data=name), Console())

"""A search on a portion of the images, and the commands after it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from se_nas.commands.ablate import ablate
from se_nas.commands.ablate.flags import AblateRequest
from se_nas.commands.confirm import confirm
from se_nas.commands.confirm.flags import ConfirmRequest
from se_nas.commands.retrain import retrain
from se_nas.commands.retrain.flags import RetrainRequest
from se_nas.commands.search import evaluation, search
from se_nas.commands.search.flags import SearchRequest
from se_nas.data.image_data import ImageData, ImageSet
from se_nas.data.portion import Portion
from se_nas.data.sources import load_data
from se_nas.errors import InputError
from se_nas.runs.retrained_files import read_result
from tests.commands.conftest import said_on

pytestmark = pytest.mark.usefixtures("without_figures")

VALIDATION = 70
"""A fifth of the 34 to 36 validation images of each digit, rounded for each."""


@pytest.fixture
def searched_part(tmp_path: Path, console: Console) -> Path:
    """A finished search on a fifth of the digits."""
    run = tmp_path / "run"
    request = SearchRequest(fraction=0.2, budget=2, epochs=1, workers=1, strategy="random", run=run, wandb="off")
    search.start_search(request, console)
    return run


def test_a_search_and_its_checks_train_on_the_portion_and_a_retraining_on_all_images(
    searched_part: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained_on: list[int] = []
    build = evaluation.TrialEvaluation.__call__

    def noted(self: evaluation.TrialEvaluation, task: object) -> object:
        trained_on.append(len(self.train))
        return build(self, task)  # type: ignore[arg-type]

    monkeypatch.setattr(evaluation.TrialEvaluation, "__call__", noted)
    search.resume_search(searched_part, SearchRequest(budget=3, workers=1, wandb="off"), console)
    confirm.confirm(ConfirmRequest(run_dir=searched_part, seeds=1, workers=1, wandb="off"), console)
    ablate.ablate(AblateRequest(network=f"{searched_part}:knee", seeds=2, workers=1, wandb="off"), console)
    assert set(trained_on) == {216}

    retrain.retrain(RetrainRequest(run_dir=searched_part, epochs=1, wandb="off"), console)
    (folder,) = (searched_part / "retrain").iterdir()
    result = read_result(folder)
    assert result is not None
    assert result.images["train"] == 1079
    card = (folder / "README.md").read_text()
    assert f"The search used a portion of them: 216 training and {VALIDATION} validation images." in card


def test_the_portion_is_stated_wherever_the_images_are(searched_part: Path, console: Console) -> None:
    line = f"a portion of the images of each class: 216 of 1,079 training images, {VALIDATION} of 359 validation images"
    assert f"read      {line}" in said_on(console)
    assert line in (searched_part / "report.html").read_text()
    assert line in (searched_part / "images.json").read_text()
    assert "--fraction 0.2" in (searched_part / "report.html").read_text()
    with console.capture() as shown:
        search.start_search(SearchRequest(images=216, dry_run=True), console)
    assert "216 of 1,079" in " ".join(shown.get().split())


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (SearchRequest(fraction=0), "--fraction 0: expected a fraction above 0 and at most 1"),
        (SearchRequest(fraction=1.5), "--fraction 1.5: expected a fraction above 0 and at most 1"),
        (SearchRequest(fraction=0.5, images=5), "--fraction 0.5: cannot be used with --images 5"),
        (SearchRequest(images=0), "--images"),
        (SearchRequest(resume=Path("run"), fraction=0.5), "--fraction 0.5: belongs to a new search"),
    ],
)
def test_a_portion_that_cannot_be_is_refused(request_: SearchRequest, message: str) -> None:
    with pytest.raises(InputError, match=message):
        request_.check()


def test_a_retraining_says_how_to_leave_out_a_file_that_the_search_did_not_open(
    tmp_path: Path, console: Console
) -> None:
    rng = np.random.default_rng(0)
    for name in "ab":
        (tmp_path / "set" / name).mkdir(parents=True)
        for index in range(40):
            pixels = rng.integers(0, 256, (8, 8, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "set" / name / f"{index}.png")
    run, source = tmp_path / "run", f"imagefolder:{tmp_path / 'set'}"
    request = SearchRequest(data=source, fraction=0.2, budget=1, epochs=1, workers=1, run=run, wandb="off")
    search.start_search(request, console)
    searched = load_data(source, image_size=8, portion=Portion(fraction=0.2), cache=tmp_path)
    whole = load_data(source, image_size=8, cache=tmp_path)
    unseen = _outside(tmp_path / "set", whole, searched)
    unseen.write_bytes(b"no image")

    with pytest.raises(InputError, match=f"{unseen.name}: cannot be read as an image") as refusal:
        retrain.retrain(RetrainRequest(run_dir=run, epochs=1, wandb="off"), console)
    assert f"--resume {run} --skip-bad-images --accept-changed-images" in str(refusal.value)


def _outside(folder: Path, whole: ImageData, searched: ImageData) -> Path:
    """A file of a training image that is not in the portion."""
    assert isinstance(whole.train, ImageSet)
    used = {image.tobytes() for part in (searched.train, searched.validation, searched.test) for image in part.images}  # type: ignore[union-attr]
    files = (file for file in sorted(folder.rglob("*.png")) if np.asarray(Image.open(file)).tobytes() not in used)
    return next(files)

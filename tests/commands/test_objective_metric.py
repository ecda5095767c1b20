"""A search whose trials are scored by another metric than the accuracy, and the commands after it."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from se_nas.commands.ablate import ablate
from se_nas.commands.ablate.flags import AblateRequest
from se_nas.commands.confirm import confirm
from se_nas.commands.confirm.flags import ConfirmRequest
from se_nas.commands.report.report import rewrite_report
from se_nas.commands.retrain import retrain
from se_nas.commands.retrain.flags import RetrainRequest
from se_nas.commands.search import search
from se_nas.commands.search.flags import SearchRequest
from se_nas.errors import InputError
from se_nas.runs.run_folder import RunFolder
from se_nas.runs.settings import load_config
from tests.commands.conftest import said_on
from tests.conftest import quiet_console, write_tiny_space

pytestmark = pytest.mark.usefixtures("without_figures")

METRIC = "balanced_accuracy"
LARGEST = "The largest class (0) has 80.0 % of the validation images; always naming it gives 50.0 % balanced accuracy."
OF_TEST = "The largest class (0) has 80.0 % of the test images"


def write_uneven_data(folder: Path) -> Path:
    """Write 60 + 40 + 40 images in two classes, of which the first has four fifths."""
    rng = np.random.default_rng(0)
    arrays = {}
    for name, count in (("train", 60), ("val", 40), ("test", 40)):
        labels = (np.arange(count) % 5 == 4).astype(np.int64)
        noise = rng.integers(0, 200, (count, 8, 8, 3))
        arrays[f"{name}_images"] = (noise + 20 * labels[:, None, None, None]).astype(np.uint8)
        arrays[f"{name}_labels"] = labels
    path = folder / "uneven.npz"
    np.savez(path, **arrays)
    return path


@pytest.fixture(scope="module")
def searched_by_metric(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished search by balanced accuracy. `said.txt` beside it is its output. No test may write to it."""
    folder = tmp_path_factory.mktemp("metric")
    console = Console(file=io.StringIO(), width=200, color_system=None)
    request = SearchRequest(
        space=write_tiny_space(folder),
        data=f"npz:{write_uneven_data(folder)}",
        objective_metric=METRIC,
        budget=4,
        epochs=2,
        strategy="random",
        run=folder / "run",
        workers=1,
        wandb="off",
    )
    search.start_search(request, console)
    (folder / "said.txt").write_text(said_on(console))
    return folder / "run"


@pytest.fixture
def run(searched_by_metric: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(searched_by_metric, tmp_path / "run"))


def test_the_terminal_names_the_metric_and_the_largest_class(searched_by_metric: Path) -> None:
    said = (searched_by_metric.parent / "said.txt").read_text()

    assert "random for balanced_accuracy,flops" in said
    assert "  balanced accuracy 0." in said
    assert said.count(LARGEST) == 1
    assert "  accuracy" not in said


def test_the_tables_keep_the_accuracy_and_have_the_metric_beside_it(searched_by_metric: Path) -> None:
    trials = pd.read_csv(searched_by_metric / "trials.csv")
    complete = trials[trials.state == "complete"]

    assert f"expected_{METRIC}" in trials
    assert "expected_accuracy" not in trials
    assert (complete.accuracy * 40).round(6).isin(range(41)).all()
    assert (complete[METRIC] * 64).round(6).isin(range(65)).all()  # 8 of the rare class, 32 of the other
    assert (complete.accuracy != complete[METRIC]).any()
    front = json.loads((searched_by_metric / "front.json").read_text())
    assert front["objectives"] == [METRIC, "flops"]
    by_number = complete.set_index("trial")
    for member in front["members"]:
        assert member["accuracy"] == pytest.approx(by_number.accuracy[member["trial"]])
        assert member[METRIC] == pytest.approx(by_number[METRIC][member["trial"]])


@pytest.mark.usefixtures("with_figures")
def test_the_page_shows_the_metric_on_its_axes_and_in_its_tables(run: Path) -> None:
    rewrite_report(run, quiet_console())

    page = (run / "report.html").read_text()
    assert page.count(LARGEST) == 1
    assert "validation balanced accuracy" in page
    assert "validation accuracy" not in page
    assert "<button type=button>balanced accuracy</button>" in page
    assert "<button type=button>accuracy</button>" not in page
    assert "--objective-metric balanced_accuracy" in page


def test_a_search_is_resumed_by_its_metric_and_by_no_other(run: Path) -> None:
    for other in ("accuracy", "f1"):
        with pytest.raises(InputError, match=f"--objective-metric {other}: the search in .* with {METRIC}"):
            search.resume_search(run, SearchRequest(objective_metric=other, budget=5, wandb="off"), quiet_console())

    search.resume_search(run, SearchRequest(budget=5, workers=1, wandb="off"), quiet_console())

    trials = pd.read_csv(run / "trials.csv")
    assert len(trials) == 5
    assert trials[METRIC].notna().any()


def test_a_search_by_accuracy_is_resumed_by_no_other_metric(searched: Path) -> None:
    with pytest.raises(InputError, match=r"--objective-metric f1: the search in .* was begun with accuracy"):
        search.resume_search(searched, SearchRequest(objective_metric="f1", wandb="off"), quiet_console())

    assert "expected_accuracy" in pd.read_csv(searched / "trials.csv")
    assert load_config(RunFolder(searched)).metric == "accuracy"


@pytest.mark.usefixtures("with_figures")
def test_confirmations_and_ablations_use_the_metric_of_the_search(run: Path) -> None:
    console = quiet_console(300)
    confirm.confirm(ConfirmRequest(run_dir=run, seeds=2, workers=1, wandb="off"), console)
    ablate.ablate(AblateRequest(network=f"{run}:knee", seeds=2, workers=1, wandb="off"), console)

    said, page = said_on(console), (run / "report.html").read_text()
    assert "balanced accuracy 0." in said
    assert "balanced accuracy in %" in said
    assert said.count(LARGEST) == 2
    (ablated,) = run.glob("ablate-*.json")
    for path in (run / "confirm.json", ablated):
        assert json.loads(path.read_text())["metric"] == METRIC
    assert "The balanced accuracy of a placement is predicted" in page
    assert "validation accuracy" not in page


@pytest.mark.usefixtures("with_figures")
def test_a_retraining_measures_the_metric_beside_the_accuracy(run: Path) -> None:
    recipe = run.parent / "weighted.yaml"
    recipe.write_text("class_weights: balanced\n")
    console = quiet_console()
    request = RetrainRequest(run_dir=run, recipe=recipe, epochs=1, wandb="off")
    retrain.retrain(request, console)
    retrain.retrain(request, console)  # it is only printed again

    (folder,) = (run / "retrain").iterdir()
    result = json.loads((folder / "result.json").read_text())
    card, page, said = (folder / "README.md").read_text(), (run / "report.html").read_text(), said_on(console)
    assert result["metric"] == METRIC
    assert (result["test_accuracy"] * 40) % 1 == pytest.approx(0)
    assert (result["test_score"] * 64) % 1 == pytest.approx(0)
    assert result["recipe"]["class_weights"] == "balanced"
    assert "| class weights | balanced |" in card
    assert f"balanced accuracy, which scored the trials | {100 * result['test_score']:.2f} % of the test images" in card
    for text in (card, page, said):
        assert OF_TEST in text
    assert said.count("epoch    1/1") == 1


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (SearchRequest(objective_metric="balanced-accuracy"), "no such metric; did you mean balanced_accuracy?"),
        (SearchRequest(objective_metric="macro"), "no such metric; known: accuracy, balanced_accuracy, f1"),
    ],
)
def test_a_metric_that_does_not_exist_is_refused(request_: SearchRequest, message: str) -> None:
    with pytest.raises(InputError, match=message.replace("?", r"\?")):
        request_.check()


def test_a_metric_among_the_objectives_is_named_with_the_flags_that_are_right() -> None:
    with pytest.raises(InputError, match="write --objectives accuracy,flops --objective-metric f1"):
        search.start_search(SearchRequest(objectives="f1,flops"), quiet_console())

import io
import json
from collections import Counter
from dataclasses import fields, replace
from itertools import product
from pathlib import Path
from typing import Any

import moocore
import numpy as np
import optuna
import pytest
import yaml
from PIL import Image
from rich.console import Console

from se_nas.commands.run_loading import load_progress
from se_nas.commands.search import evaluation, search
from se_nas.commands.search.flags import SearchRequest
from se_nas.errors import InputError, RunFailedError
from se_nas.models.cost import measure_cost
from se_nas.runs.run_folder import RunFolder
from se_nas.searching.observations import observations_of
from se_nas.space.files.architecture_file import load_architecture
from se_nas.space.files.loading import load_design_space
from tests.commands.conftest import outcome_of, rows_of, said_on
from tests.conftest import tiny_request, write_tiny_data, write_tiny_space

pytestmark = pytest.mark.usefixtures("without_figures")


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a search of 16 trials of up to 8 epochs."""
    folder = tmp_path_factory.mktemp("long")
    request = tiny_request(folder, write_tiny_space(folder), write_tiny_data(folder))
    search.start_search(replace(request, budget=16, epochs=8), Console(file=io.StringIO()))
    return folder / "run"


def test_every_trial_is_counted_and_every_file_is_written(whole: Path) -> None:
    folder = RunFolder(whole)
    states = Counter(row["state"] for row in rows_of(folder.path))
    assert set(states) <= {"complete", "pruned", "failed"}
    assert states.total() == 10
    assert len({row["fingerprint"] for row in rows_of(folder.path)}) == 10
    for path in (folder.config, folder.space, folder.study, folder.front, folder.best, folder.report):
        assert path.is_file()
    for number in range(10):
        assert (
            load_architecture(folder.architecture(number)).fingerprint() == rows_of(folder.path)[number]["fingerprint"]
        )
        assert json.loads(folder.result(number).read_text())["status"] == rows_of(folder.path)[number]["state"]
    assert "retrain.py" in (whole.parent / "said.txt").read_text()


def test_the_front_file_agrees_with_the_table_with_moocore_and_with_the_counted_cost(whole: Path) -> None:
    folder = RunFolder(whole)
    front = json.loads(folder.front.read_text())
    complete = [row for row in rows_of(folder.path) if row["state"] == "complete"]
    losses = np.array([[-float(row["accuracy"]), float(row["flops"])] for row in complete])
    expected = {int(row["trial"]) for row, kept in zip(complete, moocore.is_nondominated(losses), strict=True) if kept}
    assert {member["trial"] for member in front["members"]} == expected
    assert [m["flops"] for m in front["members"]] == sorted(m["flops"] for m in front["members"])
    points = np.array([[-m["accuracy"], m["flops"]] for m in front["members"]])
    reference = [-front["reference"][0], front["reference"][1]]
    assert front["hypervolume"] == pytest.approx(moocore.hypervolume(points, ref=reference))
    space = load_design_space(folder.space)
    for member in front["members"]:
        cost = measure_cost(space.decode(member["assignment"]), image_size=8, num_classes=2)
        assert (member["flops"], member["params"], member["activations"]) == tuple(cost.as_dict().values())


def test_the_table_has_an_accuracy_for_complete_trials_only(long: Path) -> None:
    rows = rows_of(long)

    assert any(row["state"] == "pruned" for row in rows)
    assert all((row["accuracy"] != "") == (row["state"] == "complete") for row in rows)
    assert all(int(row["epochs"]) < 8 and row["reason"] for row in rows if row["state"] == "pruned")


def test_the_table_has_the_expected_accuracy_of_stopped_trials(long: Path) -> None:
    _, progress = load_progress(RunFolder.open(long))
    expected = {observation.record.number: observation.accuracy for observation in observations_of(progress.records)}

    assert any(row["state"] == "pruned" for row in rows_of(long))
    for row in rows_of(long):
        assert (row["expected_accuracy"] != "") == (row["state"] == "pruned")
        if row["state"] == "pruned":
            assert float(row["expected_accuracy"]) == pytest.approx(expected[int(row["trial"])], abs=1e-6)


def test_optuna_alone_reads_the_study(searched_whole: Path) -> None:
    study = optuna.load_study(study_name="se-nas", storage=f"sqlite:///{searched_whole}/study.db")

    assert study.metric_names == ["accuracy", "flops"]
    assert len(study.trials) == 10
    assert all(trial.values is None for trial in study.trials if trial.state is not optuna.trial.TrialState.COMPLETE)


def test_the_same_seed_gives_the_same_trials_and_another_seed_others(
    request_tiny: SearchRequest, console: Console, tmp_path: Path, whole: Path
) -> None:
    for name, seed in (("same", 0), ("other", 1)):
        search.start_search(replace(request_tiny, run=tmp_path / name, seed=seed), console)

    assert outcome_of(tmp_path / "same") == outcome_of(whole)
    assert outcome_of(tmp_path / "same") != outcome_of(tmp_path / "other")
    assert json.loads((tmp_path / "same/front.json").read_text()) == json.loads((whole / "front.json").read_text())


def test_an_exhausted_space_ends_the_search_early_with_a_line(request_tiny: SearchRequest, console: Console) -> None:
    space = yaml.safe_load(request_tiny.space.read_text())
    for stage in space["stages"]:
        stage["width"] = stage["width"][0]
    request_tiny.space.write_text(yaml.safe_dump(space))

    search.start_search(replace(request_tiny, budget=20, epochs=1), console)

    assert len(rows_of(request_tiny.run)) == 9
    assert "ended early" in said_on(console)


def test_a_failing_trial_is_recorded_with_its_reason_and_the_search_continues(
    request_tiny: SearchRequest, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_train = evaluation.train
    calls = 0

    def fail_the_third(trainer: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise RuntimeError("out of\nmemory")
        return real_train(trainer)

    monkeypatch.setattr(evaluation, "train", fail_the_third)
    search.start_search(request_tiny, console)

    rows = rows_of(request_tiny.run)
    assert [row["trial"] for row in rows if row["state"] == "failed"] == ["2"]
    assert rows[2]["reason"] == "RuntimeError: out of memory"
    assert len(rows) == 10


def test_a_search_in_which_everything_fails_is_a_failed_run(
    request_tiny: SearchRequest, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(trainer: Any) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr(evaluation, "train", fail)

    with pytest.raises(RunFailedError, match=r"no network was trained in full \(RuntimeError: broken\)"):
        search.start_search(replace(request_tiny, budget=2), console)


OBJECTIVES = ["accuracy,params", "accuracy,flops,params", "accuracy,flops,latency"]
QUICK = [("front", OBJECTIVES[0]), ("front", OBJECTIVES[2]), ("tpe", OBJECTIVES[1]), ("nsga2", OBJECTIVES[1])]
QUICK += [("random", OBJECTIVES[1])]
SLOW = [pair for pair in product(["front", "tpe", "nsga2", "random"], OBJECTIVES) if pair not in QUICK]


@pytest.mark.usefixtures("with_figures")
@pytest.mark.parametrize(
    ("strategy", "objectives"), [*QUICK, *(pytest.param(*pair, marks=pytest.mark.slow) for pair in SLOW)]
)
def test_other_objectives_and_strategies_run_to_their_end(
    request_tiny: SearchRequest, console: Console, objectives: str, strategy: str
) -> None:
    search.start_search(replace(request_tiny, objectives=objectives, strategy=strategy, budget=4), console)

    front = json.loads((request_tiny.run / "front.json").read_text())
    assert front["objectives"] == objectives.split(",")
    assert len(front["reference"]) == len(front["objectives"])
    assert all(member[name] > 0 for member in front["members"] for name in front["objectives"])


def test_the_best_file_is_the_knee(whole: Path) -> None:
    _, progress = load_progress(RunFolder(whole))
    knee = json.loads((whole / "front.json").read_text())["picks"]["knee"]
    best = load_architecture(whole / "best.yaml").fingerprint()

    assert best == progress.front.knee.fingerprint == knee["fingerprint"]


def test_a_dry_run_trains_and_writes_nothing(request_tiny: SearchRequest, console: Console) -> None:
    search.start_search(replace(request_tiny, dry_run=True), console)

    assert not request_tiny.run.exists()
    assert "36 networks" in said_on(console)
    assert "in memory: 0.0 MB" in said_on(console)


def test_a_folder_that_would_fill_the_memory_is_decoded_to_disk(
    request_tiny: SearchRequest, console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for label, name in enumerate(("dark", "light")):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(40):
            shade = np.full((8, 8, 3), 60 + 100 * label + number, np.uint8)
            Image.fromarray(shade).save(tmp_path / "pictures" / name / f"{number}.png")
    monkeypatch.setattr("se_nas.data.sources.memory_bytes", lambda: 0)
    asked = replace(request_tiny, data=f"imagefolder:{tmp_path / 'pictures'}", budget=2, epochs=2)

    search.start_search(asked, console)

    assert "images    decoded once into " in said_on(console)
    assert [row["state"] for row in rows_of(request_tiny.run)] == ["complete"] * 2


def test_bounds_that_no_network_keeps_are_refused_before_anything_starts(
    request_tiny: SearchRequest, console: Console
) -> None:
    space = yaml.safe_load(request_tiny.space.read_text())
    space["bounds"] = {"flops": {"min": 10**9}}
    request_tiny.space.write_text(yaml.safe_dump(space))

    with pytest.raises(InputError, match="none of 1,000 drawn networks keeps its bounds on 8 px images"):
        search.start_search(request_tiny, console)
    assert not request_tiny.run.exists()


def test_the_front_file_is_sorted_by_flops_for_any_objectives(request_tiny: SearchRequest, console: Console) -> None:
    search.start_search(replace(request_tiny, objectives="accuracy,params,flops", budget=12), console)

    flops = [member["flops"] for member in json.loads((request_tiny.run / "front.json").read_text())["members"]]
    assert flops == sorted(flops)


def test_the_workers_get_no_test_images() -> None:
    given = {field.name for field in fields(evaluation.TrialEvaluation)}

    assert {"train", "validation"} <= given
    assert not {"test", "data"} & given


def test_a_run_folder_may_have_any_name(request_tiny: SearchRequest, console: Console, tmp_path: Path) -> None:
    run = tmp_path / "odd d'ir é #%?&;$x"

    search.start_search(replace(request_tiny, run=run, budget=2), console)

    assert (run / "study.db").is_file()
    assert len(load_progress(RunFolder.open(run))[1].records) == 2

"""A resumed search: the results that it keeps, and the changes that it refuses."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from rich.console import Console

from se_nas.commands.search import answer, conditions, evaluation, search
from se_nas.commands.search.flags import SearchRequest
from se_nas.errors import InputError, RunFailedError, WriteError
from se_nas.files import read_checked
from se_nas.runs.lock import locked
from se_nas.runs.run_folder import RunFolder
from se_nas.runs.settings import load_config
from se_nas.searching.records import TrialRecord, TrialStatus
from se_nas.searching.study.study import SearchStudy
from tests.commands.conftest import outcome_of, rows_of, said_on, settled_rows
from tests.cut_off import CutOffError, cut_off_at

pytestmark = pytest.mark.usefixtures("without_figures")


def flip(path: Path) -> None:
    """Change the first digit of the curve."""
    text = path.read_text()
    place = text.index('"curve"') + text[text.index('"curve"') :].index(".") + 1
    path.write_text(text[:place] + str(9 - int(text[place])) + text[place + 1 :])


def results_of(run: Path) -> list[object]:
    """The content of each trial's result.json, without what depends on a clock."""
    found = [read_checked(path) or {} for path in sorted(run.glob("trials/*/result.json"))]
    return [{name: value for name, value in each.items() if name not in ("seconds", "metrics")} for each in found]


@pytest.mark.parametrize("epochs_before_the_cut", [0, 4, 13])
def test_a_search_interrupted_anywhere_resumes_to_the_same_end(
    request_tiny: SearchRequest,
    console: Console,
    whole: Path,
    monkeypatch: pytest.MonkeyPatch,
    epochs_before_the_cut: int,
) -> None:
    left = epochs_before_the_cut
    real_train = evaluation.train

    def train_until_cut(trainer: Any) -> Any:
        nonlocal left
        for result in real_train(trainer):
            if left == 0:
                raise CutOffError
            left -= 1
            yield result

    monkeypatch.setattr(evaluation, "train", train_until_cut)
    with pytest.raises(CutOffError):
        search.start_search(request_tiny, console)
    monkeypatch.setattr(evaluation, "train", real_train)
    search.resume_search(request_tiny.run, SearchRequest(workers=1, wandb="off"), console)

    assert outcome_of(request_tiny.run) == outcome_of(whole)
    assert json.loads((request_tiny.run / "front.json").read_text()) == json.loads((whole / "front.json").read_text())


def test_a_trial_that_its_worker_had_finished_is_taken_over_and_not_repeated(
    request_tiny: SearchRequest, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_write = RunFolder.write_result

    def write_then_die(folder: RunFolder, record: Any) -> None:
        real_write(folder, record)
        if record.number == 1:
            raise CutOffError

    monkeypatch.setattr(RunFolder, "write_result", write_then_die)
    with pytest.raises(CutOffError):
        search.start_search(request_tiny, console)
    monkeypatch.setattr(RunFolder, "write_result", real_write)
    monkeypatch.setattr(evaluation, "train", lambda trainer: pytest.fail("trial 1 was trained again"))
    search.resume_search(request_tiny.run, SearchRequest(budget=2, workers=1, wandb="off"), console)

    assert [row["state"] for row in rows_of(request_tiny.run)] == ["complete"] * 2


def test_a_trial_that_was_pruned_when_the_driver_was_killed_is_not_trained_again(
    request_tiny: SearchRequest, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = replace(request_tiny, budget=30, epochs=12)
    real_finish = SearchStudy.finish
    pruned: list[TrialRecord] = []

    def die_at_the_first_pruned(study: SearchStudy, record: TrialRecord) -> None:
        if record.status is TrialStatus.PRUNED:
            pruned.append(record)
            raise CutOffError
        real_finish(study, record)

    monkeypatch.setattr(SearchStudy, "finish", die_at_the_first_pruned)
    with pytest.raises(CutOffError):
        search.start_search(request, console)
    monkeypatch.setattr(SearchStudy, "finish", real_finish)
    monkeypatch.setattr(evaluation, "train", lambda trainer: pytest.fail("the pruned trial was trained again"))
    budget = pruned[0].number + 1
    search.resume_search(request.run, SearchRequest(budget=budget, workers=1, wandb="off"), console)

    row = rows_of(request.run)[pruned[0].number]
    assert (row["state"], row["reason"]) == ("pruned", pruned[0].reason)
    assert row["seconds"] == str(round(pruned[0].seconds, 3))


def test_a_finished_search_continues_with_a_larger_budget(request_tiny: SearchRequest, console: Console) -> None:
    search.start_search(replace(request_tiny, budget=4), console)
    before = settled_rows(request_tiny.run)

    more = SearchRequest(budget=6, equal_cost=0.25, workers=1, wandb="off")
    search.resume_search(request_tiny.run, more, console)

    assert settled_rows(request_tiny.run)[:4] == before
    assert len(rows_of(request_tiny.run)) == 6
    assert load_config(RunFolder(request_tiny.run)).parsed_objectives.equal_cost == 0.25


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 1}, "--seed 1: the search in .* was begun with 0"),
        ({"epochs": 9}, "--epochs 9: the search in .* was begun with 4"),
        ({"data": "digits"}, "begun on images of 8 px in 2 classes, but digits has 8 px and 10 classes"),
    ],
)
def test_a_resumed_search_refuses_settings_that_would_change_its_results(
    searched: Path, console: Console, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        search.resume_search(searched, SearchRequest(workers=1, wandb="off", **changes), console)


def test_a_resumed_search_refuses_a_budget_below_its_number_of_trials(searched: Path, console: Console) -> None:
    with pytest.raises(InputError, match=r"--budget 5: the search in .* already has 6 trials"):
        search.resume_search(searched, SearchRequest(budget=5, workers=1, wandb="off"), console)
    assert yaml.safe_load((searched / "config.yaml").read_text())["budget"] == 6


def test_an_empty_study_file_is_not_taken_for_a_new_search(searched: Path, console: Console) -> None:
    (searched / "study.db").write_bytes(b"")

    with pytest.raises(InputError, match=r"study\.db is empty"):
        search.resume_search(searched, SearchRequest(workers=1, wandb="off"), console)


def test_other_images_behind_the_same_path_are_refused(searched: Path, console: Console) -> None:
    path = Path(load_config(RunFolder(searched)).data.removeprefix("npz:"))
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    changed = searched / "changed.npz"
    np.savez(changed, **{**arrays, "train_images": arrays["train_images"][::-1]})

    with pytest.raises(InputError, match=r"begun on other images than npz:.*changed\.npz has; restore them"):
        search.resume_search(searched, SearchRequest(data=f"npz:{changed}", workers=1, wandb="off"), console)


def test_the_same_images_may_be_in_another_place_when_a_search_is_resumed(
    request_tiny: SearchRequest, console: Console, tmp_path: Path
) -> None:
    search.start_search(replace(request_tiny, budget=2), console)
    moved = Path(shutil.move(tmp_path / "tiny.npz", tmp_path / "elsewhere.npz"))

    with pytest.raises(InputError, match=r"tiny\.npz: no such file"):
        search.resume_search(request_tiny.run, SearchRequest(budget=3, workers=1, wandb="off"), console)
    search.resume_search(request_tiny.run, SearchRequest(data=f"npz:{moved}", budget=3, workers=1), console)

    assert len(rows_of(request_tiny.run)) == 3
    assert load_config(RunFolder(request_tiny.run)).data == f"npz:{moved}"


@pytest.mark.parametrize("way", [shutil.move, shutil.copytree])
def test_a_run_folder_that_was_moved_or_copied_can_be_resumed(
    searched: Path, console: Console, tmp_path: Path, whole: Path, way: Callable[[Path, Path], object]
) -> None:
    there = tmp_path / "there" / "run"
    there.parent.mkdir()

    way(searched, there)
    search.resume_search(there, SearchRequest(budget=10, workers=1, wandb="off"), console)

    assert outcome_of(there) == outcome_of(whole)
    assert not searched.exists() or len(rows_of(searched)) == 6


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda run: flip(run / "trials/0002/result.json"), "result.json: damaged, so trial 2 is trained again"),
        (lambda run: (run / "trials/0002/result.json").unlink(), ""),  # as after a kill in the middle
        (
            lambda run: (
                (run / "trials/0002/result.json").unlink(),
                (run / "trials/0002/checkpoint.safetensors").write_bytes(b"damaged"),
            ),
            "the trial is trained from its beginning",
        ),
    ],
    ids=["result", "no result", "checkpoint"],
)
def test_the_result_of_an_interrupted_trial_is_used_only_if_it_is_complete(
    request_tiny: SearchRequest,
    console: Console,
    whole: Path,
    monkeypatch: pytest.MonkeyPatch,
    damage: Callable[[Path], object],
    told: str,
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(SearchStudy, "finish", cut_off_at(2))
        with pytest.raises(CutOffError):
            search.start_search(replace(request_tiny, budget=4), console)

    damage(request_tiny.run)
    search.resume_search(request_tiny.run, SearchRequest(workers=1, wandb="off"), console)

    assert settled_rows(request_tiny.run) == settled_rows(whole)[:4]
    assert told in " ".join(said_on(console).split())


def test_an_older_copy_of_the_study_resumes_to_the_same_end(
    request_tiny: SearchRequest, console: Console, tmp_path: Path, whole: Path
) -> None:
    search.start_search(replace(request_tiny, budget=4), console)
    shutil.copyfile(request_tiny.run / "study.db", tmp_path / "copy.db")
    search.resume_search(request_tiny.run, SearchRequest(budget=7, workers=1, wandb="off"), console)

    shutil.copyfile(tmp_path / "copy.db", request_tiny.run / "study.db")
    (request_tiny.run / "trials/0005/result.json").write_text('{"status": "complete"}')
    search.resume_search(request_tiny.run, SearchRequest(budget=10, workers=1, wandb="off"), console)

    assert "knows 4 trials, but" in said_on(console)
    assert outcome_of(request_tiny.run) == outcome_of(whole)
    assert results_of(request_tiny.run) == results_of(whole)


def test_another_version_that_resumes_is_printed_and_recorded(
    searched: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load_config(RunFolder(searched)).versions
    monkeypatch.setattr(conditions, "running_versions", lambda: {**before, "torch": "9.9"})

    for budget in (7, 8):
        search.resume_search(searched, SearchRequest(budget=budget, workers=1, wandb="off"), console)

    both = f"{before['torch']}, then 9.9"
    assert load_config(RunFolder(searched)).versions == {**before, "torch": both}
    assert said_on(console).count(f"versions  torch {both}: what is trained from here on may differ") == 1
    assert both in (searched / "report.html").read_text()


class NoWorkers:
    """An executor that cannot start."""

    workers, processors, description, cluster = 2, 1, "nobody at all", None

    def run(self, *_: object) -> None:
        raise RunFailedError("no worker starts")


def test_a_version_that_only_tried_to_resume_is_not_recorded_as_having_trained(
    searched: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load_config(RunFolder(searched)).versions
    monkeypatch.setattr(search, "build_executor", lambda *_, **__: NoWorkers())

    with pytest.raises(RunFailedError, match="no worker starts"):
        search.resume_search(searched, SearchRequest(budget=7, wandb="off"), console)
    assert load_config(RunFolder(searched)).versions == before
    monkeypatch.undo()
    search.resume_search(searched, SearchRequest(budget=7, workers=1, wandb="off"), console)
    assert load_config(RunFolder(searched)).versions == before


def test_a_version_that_only_tried_to_begin_is_replaced_by_the_version_that_trains(
    request_tiny: SearchRequest, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "build_executor", lambda *_, **__: NoWorkers())
    with pytest.raises(RunFailedError, match="no worker starts"):
        search.start_search(request_tiny, console)
    monkeypatch.undo()

    search.resume_search(request_tiny.run, SearchRequest(budget=1, workers=1, wandb="off"), console)

    assert "nobody" not in load_config(RunFolder(request_tiny.run)).versions["device"]


def test_a_full_disk_ends_the_search_with_the_first_reason_and_the_command_that_resumes(
    request_tiny: SearchRequest, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: RunFolder, *__: object) -> None:
        raise WriteError("result.json: cannot be written (No space left on device)")

    def refuse_tables(_: RunFolder, *__: object) -> None:
        raise WriteError("trials.csv: cannot be written (No space left on device)")

    monkeypatch.setattr(RunFolder, "write_result", refuse)
    monkeypatch.setattr(RunFolder, "write_tables", refuse_tables)

    with pytest.raises(WriteError, match=r"result\.json: cannot be written") as failed:
        search.start_search(request_tiny, console)
    assert failed.value.__notes__ == [
        "trials.csv: cannot be written (No space left on device)",
        f"everything finished is kept; continue with: python launch/search.py --resume {request_tiny.run}",
    ]


def test_a_report_that_cannot_be_written_after_a_search_names_the_command_that_resumes(
    request_tiny: SearchRequest, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise WriteError("report.html: cannot be written (Disk quota exceeded)")

    monkeypatch.setattr(answer, "write_report", refuse)

    with pytest.raises(WriteError, match="Disk quota") as failed:
        search.start_search(replace(request_tiny, budget=1), console)
    assert failed.value.__notes__[-1].endswith(f"--resume {request_tiny.run}")
    monkeypatch.undo()
    search.resume_search(request_tiny.run, SearchRequest(workers=1, wandb="off"), console)
    assert (request_tiny.run / "report.html").is_file()


def test_a_second_resume_is_refused_before_it_reads_the_settings(
    searched: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the second would restore the settings from before the first changed them."""
    monkeypatch.setattr(search, "load_config", lambda _: pytest.fail("read while another command writes"))

    with locked(searched), pytest.raises(InputError, match="another command is writing here"):
        search.resume_search(searched, SearchRequest(budget=7, workers=1, wandb="off"), console)


def test_a_folder_that_is_removed_during_a_search_is_not_made_again_and_a_line_names_it(
    request_tiny: SearchRequest, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_write = RunFolder.write_result

    def write_then_remove(folder: RunFolder, record: TrialRecord) -> None:
        real_write(folder, record)
        if record.number == 1:
            shutil.rmtree(folder.path)

    monkeypatch.setattr(RunFolder, "write_result", write_then_remove)

    with pytest.raises(WriteError, match=r"study\.db: cannot be written") as failed:
        search.start_search(request_tiny, console)
    assert failed.value.__notes__ == [f"{request_tiny.run} was removed or moved while the search wrote there"]
    assert not request_tiny.run.exists()

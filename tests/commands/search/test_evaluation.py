from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from se_nas.commands.search import evaluation
from se_nas.commands.search.evaluation import TrialEvaluation
from se_nas.runs.run_folder import RunFolder
from se_nas.searching.tasks import EpochReport, TrialTask
from se_nas.training.recipe import Recipe
from se_nas.training.trainer import Trainer
from tests.fakes import separable_data, tiny_architecture

TASK = TrialTask(number=3, architecture=tiny_architecture(), seed=5)


def evaluate(run: Path, task: TrialTask = TASK) -> Iterator[EpochReport]:
    """Evaluate a task as a newly started worker does."""
    data = separable_data()
    worker = TrialEvaluation(
        results=RunFolder(run),
        train=data.train,
        validation=data.validation,
        mirrored=True,
        classes=3,
        recipe=Recipe(epochs=4),
        measured=(),
        use_gpu=False,
        loaders=1,
    )
    return worker(task)


def accuracies(reports: Iterator[EpochReport]) -> list[tuple[int, float]]:
    return [(report.epoch, report.accuracy) for report in reports]


@pytest.fixture
def epochs_trained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The list of the epochs that are really trained."""
    trained: list[int] = []
    run_epoch = Trainer.run_epoch

    def noted(trainer: Trainer) -> Any:
        result = run_epoch(trainer)
        trained.append(result.epoch)
        return result

    monkeypatch.setattr(Trainer, "run_epoch", noted)
    return trained


def test_an_interrupted_long_trial_continues_after_its_last_saved_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epochs_trained: list[int]
) -> None:
    whole = accuracies(evaluate(tmp_path / "whole"))
    monkeypatch.setattr(evaluation, "SAVE_SECONDS", 0.0)
    cut = evaluate(tmp_path / "run")
    for _ in range(2):
        next(cut)
    epochs_trained.clear()

    resumed = accuracies(evaluate(tmp_path / "run"))

    assert resumed == whole
    assert epochs_trained == [3, 4]
    result = RunFolder(tmp_path / "run").read_result(3)
    assert result is not None
    assert [(number, each) for number, each in enumerate(result["curve"], start=1)] == whole


@pytest.mark.parametrize("spoil", ["damaged", "another training's"])
def test_a_useless_checkpoint_costs_only_the_time_of_training_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epochs_trained: list[int], spoil: str
) -> None:
    monkeypatch.setattr(evaluation, "SAVE_SECONDS", 0.0)
    other = TrialTask(number=3, architecture=TASK.architecture, seed=6)
    next(cut := evaluate(tmp_path, other))
    next(cut)
    path = RunFolder(tmp_path).checkpoint(TASK)
    if spoil == "damaged":
        path.write_bytes(path.read_bytes()[:200])
    epochs_trained.clear()

    list(evaluate(tmp_path))

    assert epochs_trained == [1, 2, 3, 4]


def test_a_short_trial_saves_no_checkpoint(tmp_path: Path) -> None:
    reports = evaluate(tmp_path)
    for _ in range(3):
        next(reports)

    assert not RunFolder(tmp_path).checkpoint(TASK).exists()

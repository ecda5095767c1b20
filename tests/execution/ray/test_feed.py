"""Trainings on a machine that does not see the run folder: their files go to the driver with their reports."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from se_nas.commands.search import evaluation
from se_nas.commands.search.evaluation import TrialEvaluation
from se_nas.execution.carried_files import OwnFiles, Parcel
from se_nas.execution.ray.feed import Feed
from se_nas.runs.run_folder import RunFolder
from se_nas.searching.failures import Failure, FailureKind
from se_nas.searching.tasks import EpochReport, TrialTask
from se_nas.training.recipe import Recipe
from tests.fakes import separable_data, tiny_architecture

TASK = TrialTask(number=3, architecture=tiny_architecture(), seed=5)
EPOCHS = 4


class OneTraining:
    """Work of one training. It notes what the driver has on disk when it takes a report."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder, self.waiting, self.ended = folder, True, False
        self.curve: list[float] = []
        self.on_disk: list[set[str]] = []

    def next_trial(self) -> TrialTask | None:
        waiting, self.waiting = self.waiting, False
        return TASK if waiting else None

    def epoch_done(self, number: int, report: EpochReport) -> bool:
        self.curve[report.epoch - 1 :] = [report.accuracy]
        self.on_disk.append({file.name for file in self.folder.trial(number).iterdir()})
        self.ended = report.epoch == EPOCHS
        return not self.ended

    def fail(self, number: int, failure: Failure) -> None:
        raise AssertionError(failure)

    def repeat(self, number: int) -> None:
        self.waiting = True

    @property
    def is_over(self) -> bool:
        return self.ended


class Machine:
    """A machine that does not see the run folder: what it writes lies in a folder of its own."""

    def __init__(self, evaluate: TrialEvaluation) -> None:
        self.files = OwnFiles()
        self._evaluate = evaluate.writing_into(self.files.path)

    def train(self, task: TrialTask, parcel: Parcel) -> Iterator[tuple[EpochReport, Parcel]]:
        self.files.begin(parcel)
        for report in self._evaluate(task):
            yield report, self.files.written()


@pytest.fixture
def evaluate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrialEvaluation:
    """An evaluation that saves a checkpoint after each epoch."""
    (tmp_path / "there").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "there"))
    monkeypatch.setattr(evaluation, "SAVE_SECONDS", 0.0)
    data = separable_data()
    return TrialEvaluation(
        results=RunFolder(tmp_path / "run"),
        train=data.train,
        validation=data.validation,
        mirrored=True,
        classes=3,
        recipe=Recipe(epochs=EPOCHS),
        measured=(),
        use_gpu=False,
        loaders=1,
    )


@pytest.fixture
def work(tmp_path: Path) -> OneTraining:
    return OneTraining(RunFolder(tmp_path / "run"))


@pytest.fixture
def feed(work: OneTraining, evaluate: TrialEvaluation) -> Feed:
    machines = SimpleNamespace(
        look=lambda: None,
        allowed=frozenset({"there", "also there"}),
        some_are_apart=True,
        worked=lambda machine, to_the_end: None,
        failed=lambda failure: None,
        name=lambda machine: machine,
    )
    return Feed(work, 1, machines, SimpleNamespace(), evaluate)  # type: ignore[arg-type]


def test_a_result_is_on_the_drivers_disk_before_its_training_ends(
    feed: Feed, work: OneTraining, evaluate: TrialEvaluation
) -> None:
    config = feed.suggest("first")
    assert isinstance(config, dict)
    machine = Machine(evaluate)

    for report, files in machine.train(config["task"], config["files"]):
        feed.take("first", report, "there", files)

    assert work.is_over
    assert work.on_disk[:-1] == [{"checkpoint.safetensors"}] * (EPOCHS - 1)
    assert "result.json" in work.on_disk[-1]
    result = work.folder.read_result(TASK.number)
    assert result is not None
    assert result["curve"] == work.curve


def test_a_training_whose_machine_dies_continues_on_another_one_after_its_last_checkpoint(
    feed: Feed, work: OneTraining, evaluate: TrialEvaluation
) -> None:
    undisturbed = [report.accuracy for report, _ in Machine(evaluate).train(TASK, Parcel())]
    config = feed.suggest("first")
    assert isinstance(config, dict)
    reports = Machine(evaluate).train(config["task"], config["files"])
    for _ in range(2):
        report, files = next(reports)
        feed.take("first", report, "there", files)
    next(reports)  # the machine dies before this report arrives
    feed.end("first", Failure(reason="gone", kind=FailureKind.KILLED, node="there"))

    again = feed.suggest("second")
    assert isinstance(again, dict)
    sent = set(again["files"].contents)
    other = Machine(evaluate)
    reports = other.train(again["task"], again["files"])
    report, files = next(reports)
    assert not files.contents, "the first epochs come from the checkpoint and are not trained again"
    feed.take("second", report, "also there", files)
    for report, files in reports:
        feed.take("second", report, "also there", files)

    assert sent == {"trials/0003/checkpoint.safetensors"}
    assert work.curve == undisturbed


def test_a_new_training_takes_no_files_along(feed: Feed) -> None:
    config = feed.suggest("first")

    assert isinstance(config, dict)
    assert config["files"].contents == {}

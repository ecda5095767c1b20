"""Chosen networks on chosen seeds: each training is done once, whatever happens."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from random import Random

import pytest
from ray.tune.search import Searcher

from se_nas.commands.replications.files import ReplicationFolder
from se_nas.commands.replications.plan import EverySeed, Key, Outcomes
from se_nas.commands.replications.replications import Replications
from se_nas.errors import RunFailedError
from se_nas.execution.local import LocalExecutor
from se_nas.execution.place import Conditions
from se_nas.execution.ray.deaths import Deaths
from se_nas.execution.ray.feed import Feed
from se_nas.execution.ray.machines import Machines
from se_nas.searching.failures import Failure, FailureKind
from se_nas.searching.tasks import EpochReport, TrialTask
from se_nas.space.architecture import Architecture
from tests.fakes import tiny_space

EPOCHS = 2


def network(seed: int) -> Architecture:
    space = tiny_space()
    return space.decode(space.sample(Random(seed)))


NETWORKS = {"first": network(1), "second": network(3)}


class Trainings:
    """Pretends to train, and counts the trainings. The accuracy is a tenth of the seed, and more for a second epoch."""

    def __init__(self, files: ReplicationFolder) -> None:
        self.files = files
        self.done: list[tuple[str, int]] = []

    def __call__(self, task: TrialTask) -> Iterator[EpochReport]:
        self.done.append((task.architecture.fingerprint(), task.seed))
        curve = (0.0, 0.1 * task.seed)
        self.files.write_finished(task, curve=curve, seconds=1.0, cost={}, metrics={})
        for epoch, accuracy in enumerate(curve, start=1):
            yield EpochReport(epoch=epoch, accuracy=accuracy, seconds=0.5)


@pytest.fixture
def files(tmp_path: Path) -> ReplicationFolder:
    return ReplicationFolder(tmp_path / "replications")


@dataclass(frozen=True)
class Beyond:
    """Names trainings as `plan` does, and expects two seeds of each network."""

    plan: EverySeed
    least: Collection[Key] = (("first", 0), ("second", 0), ("first", 1), ("second", 1))

    def __call__(self, outcomes: Outcomes, under_way: Collection[Key]) -> Key | None:
        return self.plan(outcomes, under_way)


def work(files: ReplicationFolder, *, told: list[str] | None = None, seeds: int = 2) -> Replications:
    """The work of a plan. Its clock advances a minute with each call."""
    print_line = [].append if told is None else told.append
    plan = Beyond(EverySeed(tuple(NETWORKS), seeds))
    return Replications(
        plan, NETWORKS, files, epochs=EPOCHS, print_line=print_line, clock=partial(next, count(step=60))
    )


def test_each_line_has_the_number_done_the_total_and_the_time_left(files: ReplicationFolder) -> None:
    told: list[str] = []

    LocalExecutor(epoch_seconds=60).run(work(files, told=told, seeds=3), Trainings(files))

    assert [line[line.index("(") :] for line in told] == [
        "(1 of 4, 3:00 left)",
        "(2 of 4, 2:00 left)",
        "(3 of 4, 1:00 left)",
        "(4 done)",
        "(5 done)",  # more than the plan expected
        "(6 done)",
    ]


def test_every_training_of_the_plan_is_done(files: ReplicationFolder) -> None:
    planned = work(files)
    LocalExecutor(epoch_seconds=60).run(planned, Trainings(files))

    assert planned.is_over
    assert planned.outcomes == {("first", 0): 0.0, ("second", 0): 0.0, ("first", 1): 0.1, ("second", 1): 0.1}


def test_an_earlier_training_is_not_repeated(files: ReplicationFolder) -> None:
    LocalExecutor(epoch_seconds=60).run(work(files), Trainings(files))
    again, trainings = work(files), Trainings(files)

    assert again.is_over
    LocalExecutor(epoch_seconds=60).run(again, trainings)

    assert trainings.done == []
    assert len(again.outcomes) == 4


@pytest.mark.parametrize("damage", ["", "{", '{"curve": [0.1, 0.2], "seed": 7}', '{"curve": [0.1]}', '{"curve": 3}'])
def test_a_damaged_file_repeats_one_training(files: ReplicationFolder, damage: str) -> None:
    LocalExecutor(epoch_seconds=60).run(work(files), Trainings(files))
    files.file(NETWORKS["first"].fingerprint(), 1).write_text(damage)
    trainings = Trainings(files)

    LocalExecutor(epoch_seconds=60).run(work(files), trainings)

    assert trainings.done == [(NETWORKS["first"].fingerprint(), 1)]


def test_a_failed_training_has_no_accuracy_and_the_others_continue(files: ReplicationFolder) -> None:
    planned = work(files)
    task = planned.next_trial()
    assert task is not None
    planned.fail(task.number, Failure(reason="out of memory"))
    LocalExecutor(epoch_seconds=60).run(planned, Trainings(files))

    assert planned.outcomes["first", 0] is None
    assert sum(accuracy is not None for accuracy in planned.outcomes.values()) == 3


def test_the_training_of_a_dead_worker_is_handed_out_again_under_its_number(files: ReplicationFolder) -> None:
    """The executor counts by this number how often the training has killed its worker."""
    planned = work(files)
    first = planned.next_trial()
    assert first is not None
    planned.repeat(first.number)

    assert planned.next_trial() == first


def test_a_training_whose_worker_always_dies_fails_and_the_others_continue(
    files: ReplicationFolder, tmp_path: Path
) -> None:
    planned, trainings = work(files), Trainings(files)
    machines = Machines(None, Conditions(versions={}, needs_gpu=False), gpus=0.0, print_line=print)
    feed = Feed(planned, 1, machines, Deaths(tmp_path, {}))
    for trial in range(20):
        given = feed.suggest(str(trial))
        if given in (None, Searcher.FINISHED):
            break
        assert isinstance(given, dict)
        if given["task"].seed == 1 and given["task"].architecture == NETWORKS["first"]:
            feed.on_trial_complete(str(trial), error=True)
        else:
            assert [feed.take(str(trial), report, "") for report in trainings(given["task"])] == [True, False]

    assert planned.is_over
    assert planned.outcomes["first", 1] is None
    assert len(planned.outcomes) == 4


def test_with_several_workers_no_training_is_handed_out_twice(files: ReplicationFolder) -> None:
    planned = work(files)

    tasks = [planned.next_trial() for _ in range(5)]

    assert tasks[4] is None
    assert not planned.is_over
    assert len({(task.architecture, task.seed) for task in tasks if task}) == 4


def test_failures_in_a_row_that_are_not_the_networks_fault_end_the_command(files: ReplicationFolder) -> None:
    folder_is_gone = Failure(kind=FailureKind.PLACE, reason="x.png is not there")
    work = Replications(
        EverySeed(tuple(NETWORKS), 4), NETWORKS, files, epochs=EPOCHS, print_line=lambda _: None, clock=count().__next__
    )

    def hand_out() -> int:
        task = work.next_trial()
        assert task is not None
        return task.number

    for failure in (folder_is_gone, folder_is_gone, Failure(reason="its own"), folder_is_gone, folder_is_gone):
        work.fail(hand_out(), failure)
    with pytest.raises(RunFailedError, match=r"3 trainings in a row failed.*: x\.png is not there"):
        work.fail(hand_out(), folder_is_gone)

"""A search in progress, with analytic learning curves instead of training."""

import contextlib
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sqlalchemy

from se_nas.execution.local import LocalExecutor
from se_nas.searching.failures import Failure, FailureKind
from se_nas.searching.loop import SearchLoop
from se_nas.searching.pareto import ParetoFront
from se_nas.searching.propose.screening import build_screened_strategy
from se_nas.searching.propose.strategies import STRATEGIES
from se_nas.searching.propose.strategy import SearchStrategy
from se_nas.searching.records import Proposal, TrialRecord, TrialStatus
from se_nas.searching.stop.pruning import FrontPruner
from se_nas.searching.study import trial_rows
from se_nas.searching.study.study import SearchStudy
from se_nas.searching.tasks import EpochReport, TrialTask
from se_nas.space.architecture import Architecture
from se_nas.space.design_space import DesignSpace, Limit
from tests.fakes import TWO_OBJECTIVES, cost_by_hand, tiny_space

EPOCHS = 3


class CutOffError(BaseException):
    """The end of the process at this moment. No `except Exception` may catch it."""


class Clock:
    """Counts the moments at which the search interacts with other code, and cuts it off at one of them."""

    def __init__(self, cut_at: int | None = None) -> None:
        self.moments, self._cut_at = 0, cut_at

    def tick(self) -> None:
        if self.moments == self._cut_at:
            raise CutOffError
        self.moments += 1


class Journal:
    """A listener that remembers all notifications of trials."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.heard: list[tuple[int, TrialStatus]] = []
        self.beginnings = 0

    def training_began(self) -> None:
        self.beginnings += 1

    def trial_started(self, record: TrialRecord) -> None:
        self._clock.tick()
        self.heard.append((record.number, record.status))

    def trial_ended(self, record: TrialRecord) -> None:
        self._clock.tick()
        self.heard.append((record.number, record.status))


def luck(architecture: Architecture) -> float:
    """A number from 0 to 1 that depends only on the network."""
    return int(architecture.fingerprint()[:6], 16) / 16**6


def reports(task: TrialTask, clock: Clock) -> Iterator[EpochReport]:
    """Yield a curve whose end depends one half on size and one half on luck. One network in six fails."""
    final = (min(1.0, cost_by_hand(task.architecture)["params"] / 600) + luck(task.architecture)) / 2
    slowness = int(task.architecture.fingerprint()[-1], 16) / 16
    for epoch in range(1, EPOCHS + 1):
        clock.tick()
        if epoch == 2 and luck(task.architecture) < 1 / 6:
            raise RuntimeError("out of\nmemory")
        yield EpochReport(epoch=epoch, accuracy=final * (1 - slowness**epoch), seconds=0.5)


@contextlib.contextmanager
def loop_on(
    path: Path,
    *,
    budget: int,
    space: DesignSpace | None = None,
    sampler: str = "random",
    seed: int = 0,
    clock: Clock | None = None,
    strategy: SearchStrategy | None = None,
    journal: Journal | None = None,
    **pruning: int,
) -> Iterator[SearchLoop]:
    """A loop on the study at `path`. The study is made or resumed, and closed afterwards."""
    space, clock = space or tiny_space(), clock or Clock()

    def cost_of(architecture: Architecture) -> dict[str, int]:
        clock.tick()
        return cost_by_hand(architecture)

    study = SearchStudy(path, TWO_OBJECTIVES, space.decisions)
    try:
        yield SearchLoop(
            space=space,
            cost_of=cost_of,
            strategy=strategy
            or build_screened_strategy(
                sampler,
                space=space,
                objectives=TWO_OBJECTIVES,
                cost_of=cost_by_hand,
                seed=seed,
                patience=8,
                draw_patience=60,
            ),
            study=study,
            records=study.records(),
            pruner=FrontPruner(costs=["flops"], epochs=EPOCHS, **pruning),
            budget=budget,
            epochs=EPOCHS,
            seed=seed,
            listener=journal or Journal(clock),
        )
    finally:
        study.close()


def search(path: Path, *, clock: Clock | None = None, **settings: Any) -> SearchLoop:
    """Run a loop to its end, or to the moment at which the clock cuts it off."""
    clock = clock or Clock()
    with loop_on(path, clock=clock, **settings) as loop:
        LocalExecutor(epoch_seconds=60).run(loop, lambda task: reports(task, clock))
    return loop


def stored(path: Path) -> list[TrialRecord]:
    study = SearchStudy(path, TWO_OBJECTIVES, tiny_space().decisions)
    try:
        return study.records()
    finally:
        study.close()


def front(records: Iterable[TrialRecord]) -> list[tuple[float, ...]]:
    return [member.values(TWO_OBJECTIVES.names) for member in ParetoFront.of(records, TWO_OBJECTIVES).members]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "study.db"


BOUNDED = replace(tiny_space(), bounds={"flops": Limit(low=10_000, high=30_000)})


@pytest.fixture(scope="module", params=STRATEGIES)
def records(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> list[TrialRecord]:
    """The records of a whole search of 25 trials within bounds, for each sampler."""
    path = tmp_path_factory.mktemp(request.param) / "study.db"
    search(path, budget=25, space=BOUNDED, sampler=request.param)
    return stored(path)


class TestAWholeSearch:
    def test_the_budget_is_accounted_for_and_every_kind_of_end_occurs(self, records: list[TrialRecord]) -> None:
        ends = [record.status for record in records]

        assert len(ends) == 25
        assert set(ends) == {TrialStatus.COMPLETE, TrialStatus.PRUNED, TrialStatus.FAILED}

    def test_no_network_is_trained_twice(self, records: list[TrialRecord]) -> None:
        assert len({record.fingerprint for record in records}) == len(records)

    def test_every_network_keeps_the_bounds(self, records: list[TrialRecord]) -> None:
        assert all(10_000 <= record.cost["flops"] <= 30_000 for record in records)

    def test_a_record_describes_the_network_that_its_assignment_builds(self, records: list[TrialRecord]) -> None:
        for record in records:
            architecture = BOUNDED.decode(record.assignment)
            assert record.fingerprint == architecture.fingerprint()
            assert record.se == architecture.se_tokens
            assert record.cost == cost_by_hand(architecture)

    def test_only_a_complete_trial_has_trained_for_all_epochs(self, records: list[TrialRecord]) -> None:
        for record in records:
            assert (len(record.curve) == EPOCHS) == (record.status is TrialStatus.COMPLETE)
            assert record.seconds == 0.5 * len(record.curve)

    def test_a_trial_without_a_result_has_a_reason(self, records: list[TrialRecord]) -> None:
        for record in records:
            match record.status:
                case TrialStatus.COMPLETE:
                    assert record.reason == ""
                case TrialStatus.PRUNED:
                    assert record.reason.startswith(f"stopped at epoch {len(record.curve)}: place")
                case TrialStatus.FAILED:
                    assert record.reason == "RuntimeError: out of memory"


class TestEnds:
    def test_the_listener_is_notified_of_each_start_and_each_end_once(self, path: Path) -> None:
        journal = Journal(Clock())
        search(path, budget=8, journal=journal)

        assert journal.heard == [
            (record.number, status) for record in stored(path) for status in (TrialStatus.RUNNING, record.status)
        ]
        assert journal.beginnings == 1

    def test_the_loop_has_the_same_records_as_the_study(self, path: Path) -> None:
        loop = search(path, budget=8)

        assert list(loop.records.values()) == stored(path)
        assert loop.is_over

    def test_an_exhausted_space_ends_the_search_early_with_a_reason(self, path: Path) -> None:
        space = replace(tiny_space(), bounds={"flops": Limit(high=10_000)})

        loop = search(path, budget=84, space=space)

        assert 0 < len(loop.records) < 84
        assert loop.is_over
        assert loop.exhausted is not None
        assert loop.exhausted.startswith("60 proposals in a row")
        assert all(record.status is not TrialStatus.RUNNING for record in stored(path))

    def test_a_used_budget_does_not_count_as_exhausted(self, path: Path) -> None:
        assert search(path, budget=2).exhausted is None

    def test_a_larger_budget_goes_on_where_the_smaller_ended(self, path: Path, tmp_path: Path) -> None:
        search(path, budget=4)
        search(path, budget=9)
        search(tmp_path / "at once.db", budget=9)

        assert stored(path) == stored(tmp_path / "at once.db")

    def test_a_training_that_ends_too_early_fails(self, path: Path) -> None:
        with loop_on(path, budget=1) as loop:
            LocalExecutor(epoch_seconds=60).run(loop, lambda _: iter([EpochReport(epoch=1, accuracy=0.9, seconds=1.0)]))

        (record,) = stored(path)
        assert (record.status, record.reason) == (TrialStatus.FAILED, "the training ended before its last epoch")

    def test_an_accuracy_that_is_not_a_number_fails_the_trial_and_the_search_goes_on(self, path: Path) -> None:
        def nan(_: TrialTask) -> Iterator[EpochReport]:
            for epoch in range(1, EPOCHS + 1):
                yield EpochReport(epoch=epoch, accuracy=float("nan"), seconds=1.0)

        with loop_on(path, budget=2) as loop:
            LocalExecutor(epoch_seconds=60).run(loop, nan)

        assert [record.status for record in stored(path)] == [TrialStatus.FAILED] * 2
        assert all("nan" in record.reason for record in stored(path))

    def test_a_search_in_which_all_trials_fail_ends_early_with_a_reason(self, path: Path) -> None:
        def broken(_: TrialTask) -> Iterator[EpochReport]:
            raise RuntimeError("no such device")
            yield

        with loop_on(path, budget=30) as loop:
            LocalExecutor(epoch_seconds=60).run(loop, broken)

            assert loop.exhausted == "all of 8 trials failed"
            assert loop.is_over
        assert len(stored(path)) == 8

        search(path, budget=12)

        assert [record.status is TrialStatus.FAILED for record in stored(path)] == [True] * 8 + [False] * 4

    def test_after_one_successful_trial_any_number_of_trials_may_fail(self, path: Path) -> None:
        def mostly_broken(task: TrialTask) -> Iterator[EpochReport]:
            if task.number:
                raise RuntimeError
            for epoch in range(1, EPOCHS + 1):
                yield report(epoch)

        with loop_on(path, budget=12) as loop:
            LocalExecutor(epoch_seconds=60).run(loop, mostly_broken)

        assert len(stored(path)) == 12

    def test_a_strategy_hears_of_every_end_and_after_a_resume_of_the_same_trials(self, path: Path) -> None:
        class Listening:
            def __init__(self) -> None:
                self.heard: dict[int, TrialRecord] = {}

            def ask(self) -> Proposal:
                return Proposal(assignment=tiny_space().sample(Random(len(self.heard))))

            def tell(self, record: TrialRecord) -> None:
                self.heard[record.number] = record

        live, resumed = Listening(), Listening()
        with loop_on(path, budget=2, strategy=live) as loop:
            for number, kind in enumerate((FailureKind.PLACE, FailureKind.NETWORK)):
                loop.next_trial()
                loop.fail(number, Failure(reason="broken", kind=kind))
        with loop_on(path, budget=2, strategy=resumed):
            pass

        assert live.heard == resumed.heard
        assert [record.status for record in live.heard.values()] == [TrialStatus.FAILED] * 2

    def test_the_memo_of_a_strategy_is_kept_in_the_record(self, path: Path) -> None:
        search(path, budget=3, sampler="nsga2")

        assert all(record.memo for record in stored(path))

    def test_costs_measured_on_the_device_join_the_record(self, path: Path) -> None:
        def measured(_: TrialTask) -> Iterator[EpochReport]:
            for epoch in range(1, EPOCHS + 1):
                yield EpochReport(epoch=epoch, accuracy=0.5, seconds=1.0, costs={"latency": 2.5})

        with loop_on(path, budget=1) as loop:
            LocalExecutor(epoch_seconds=60).run(loop, measured)

        assert stored(path)[0].cost["latency"] == 2.5
        assert stored(path) == list(loop.records.values())


def report(epoch: int, accuracy: float = 0.5) -> EpochReport:
    return EpochReport(epoch=epoch, accuracy=accuracy, seconds=1.0)


class TestTrialsSideBySide:
    def test_no_network_is_handed_out_twice(self, path: Path) -> None:
        with loop_on(path, budget=30) as loop:
            tasks = [loop.next_trial() for _ in range(30)]

            assert loop.next_trial() is None
        assert len({task.architecture.fingerprint() for task in tasks if task}) == 30

    def test_a_trial_whose_worker_died_is_handed_out_again_and_starts_from_the_beginning(self, path: Path) -> None:
        with loop_on(path, budget=1) as loop:
            first = loop.next_trial()
            loop.epoch_done(0, report(1))
            loop.repeat(0)

            assert not loop.is_over
            assert loop.next_trial() == first
            for epoch in (1, 2, 3):
                loop.epoch_done(0, report(epoch))
            assert loop.is_over

        (record,) = stored(path)
        assert (record.status, record.seconds, len(record.curve)) == (TrialStatus.COMPLETE, 3.0, 3)

    def test_a_trial_that_a_worker_had_finished_is_taken_over(self, path: Path) -> None:
        with loop_on(path, budget=2) as loop:
            loop.next_trial()
            loop.next_trial()

        with loop_on(path, budget=2) as resumed:
            resumed.take_over(0, curve=[0.1, 0.2, 0.3], seconds=7.0, cost={"latency": 1.5})
            task = resumed.next_trial()

            assert task is not None
            assert task.number == 1
            assert list(resumed.records.values()) == resumed._study.records()
        record = stored(path)[0]
        assert (record.status, record.curve, record.seconds) == (TrialStatus.COMPLETE, (0.1, 0.2, 0.3), 7.0)
        assert record.cost["latency"] == 1.5

    def test_a_repeated_trial_is_judged_only_by_its_new_reports(self, path: Path) -> None:
        """The trial has good accuracies for two epochs before it is cut off, and bad ones when it is repeated."""
        with loop_on(path, budget=7) as loop:
            for _ in range(7):
                loop.next_trial()
            dearest = max(range(7), key=lambda number: loop.records[number].cost["flops"])
            assert loop.epoch_done(dearest, report(1, accuracy=0.9))
            assert loop.epoch_done(dearest, report(2, accuracy=0.9))

        with loop_on(path, budget=7) as resumed:
            for number in range(7):
                resumed.next_trial()
                for epoch in (1, 2, 3) if number != dearest else ():
                    if not resumed.epoch_done(number, report(epoch, accuracy=0.5 + number / 100)):
                        break
            assert not resumed.epoch_done(dearest, report(1, accuracy=0.1))
            assert resumed.records[dearest].reason.startswith("stopped at epoch 1")

    def test_reports_before_a_cut_off_are_not_part_of_the_curve(self, path: Path) -> None:
        with loop_on(path, budget=1) as loop:
            loop.next_trial()
            for epoch in (1, 2):
                loop.epoch_done(0, report(epoch))

        with loop_on(path, budget=1) as resumed:
            resumed.next_trial()
            resumed.epoch_done(0, report(1))
            resumed.fail(0, Failure(reason="out of memory"))

        assert stored(path)[0].curve == (0.5,)

    def test_a_trial_that_was_cut_off_during_its_end_is_still_running(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with loop_on(path, budget=1) as loop, monkeypatch.context() as patched:
            loop.next_trial()
            patched.setattr(trial_rows, "_now", lambda: Clock(cut_at=0).tick())
            with pytest.raises(CutOffError):
                loop.fail(0, Failure(reason="out of memory"))

        with loop_on(path, budget=1) as resumed:
            LocalExecutor(epoch_seconds=60).run(resumed, lambda _: iter([report(1), report(2), report(3)]))

        assert (stored(path)[0].status, stored(path)[0].reason) == (TrialStatus.COMPLETE, "")


SHORT = {"budget": 10, "seed": 19}
"""Settings of a search whose few trials end in every way: complete, failed, pruned at the first and second rung."""


class TestCutOffAndResumed:
    """A search that is cut off at any moment and resumed gets the same trials and front as an uninterrupted search."""

    @pytest.fixture
    def uninterrupted(self, tmp_path: Path) -> list[TrialRecord]:
        search(tmp_path / "uninterrupted.db", **SHORT)
        records = stored(tmp_path / "uninterrupted.db")
        ends = {(record.status, len(record.curve)) for record in records}
        assert ends >= {
            (TrialStatus.COMPLETE, 3),
            (TrialStatus.PRUNED, 1),
            (TrialStatus.PRUNED, 2),
            (TrialStatus.FAILED, 1),
        }
        return records

    @pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.slow)])
    def test_a_search_cut_off_at_any_moment_resumes_to_the_same_end(
        self, tmp_path: Path, uninterrupted: list[TrialRecord], step: int
    ) -> None:
        """The short form tries every fourth moment."""
        with loop_on(tmp_path / "empty.db", budget=0):
            pass
        search(shutil.copyfile(tmp_path / "empty.db", tmp_path / "whole.db"), **SHORT, clock=(clock := Clock()))

        for moment in range(0, clock.moments, step):
            path = shutil.copyfile(tmp_path / "empty.db", tmp_path / f"{moment}.db")
            with pytest.raises(CutOffError):
                search(path, **SHORT, clock=Clock(cut_at=moment))
            resumed = search(path, **SHORT)

            assert list(resumed.records.values()) == uninterrupted, f"cut off at moment {moment}"
            assert front(resumed.records.values()) == front(uninterrupted)

    def test_a_search_cut_off_between_any_two_writes_resumes_to_the_same_end(
        self, tmp_path: Path, uninterrupted: list[TrialRecord]
    ) -> None:
        """Like `kill -9`: only a copy that is taken just before a commit is left."""
        path, left = tmp_path / "study.db", []

        def look(_: object) -> None:
            if (content := path.read_bytes()) not in left:
                left.append(content)

        with loop_on(path, **SHORT) as loop:
            sqlalchemy.event.listen(loop._study._storage.engine, "commit", look)
            LocalExecutor(epoch_seconds=60).run(loop, lambda task: reports(task, Clock()))

        for write, content in enumerate(left):
            (tmp_path / f"{write}.db").write_bytes(content)
            resumed = search(tmp_path / f"{write}.db", **SHORT)
            assert list(resumed.records.values()) == uninterrupted, f"killed before write {write} of {len(left)}"

    def test_a_search_cut_off_repeatedly_resumes_to_the_same_end(
        self, path: Path, uninterrupted: list[TrialRecord]
    ) -> None:
        cuts, over = 0, False
        while not over:
            try:
                over = search(path, **SHORT, clock=Clock(cut_at=8)).is_over
            except CutOffError:
                cuts += 1

        assert cuts > 2
        assert stored(path) == uninterrupted

    def test_a_search_resumed_after_its_end_has_nothing_to_do(
        self, tmp_path: Path, uninterrupted: list[TrialRecord]
    ) -> None:
        journal = Journal(Clock())
        search(tmp_path / "uninterrupted.db", **SHORT, journal=journal)

        assert (journal.heard, journal.beginnings) == ([], 0)
        assert stored(tmp_path / "uninterrupted.db") == uninterrupted

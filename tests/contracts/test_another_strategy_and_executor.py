"""A made-up strategy and a made-up executor carry out a search, which another process resumes and reports."""

import errno
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from rich.console import Console

from se_nas.commands.ablate.ablate import ablate
from se_nas.commands.ablate.flags import AblateRequest
from se_nas.commands.replications import replicate
from se_nas.commands.report.report import rewrite_report
from se_nas.commands.run_loading import load_progress
from se_nas.commands.search import evaluation, search
from se_nas.commands.search.flags import SearchRequest
from se_nas.execution.local import LocalExecutor
from se_nas.execution.protocol import Evaluate, Executor, PrintLine, Work, next_report, print_nothing
from se_nas.execution.retries import Next, Retries
from se_nas.runs.ablation_file import load_ablation
from se_nas.runs.run_folder import RunFolder
from se_nas.searching.failures import Failure, FailureKind
from se_nas.searching.propose.strategies import STRATEGIES
from se_nas.searching.propose.strategy import Sampling
from se_nas.searching.records import TrialStatus
from se_nas.searching.tasks import EpochReport, TrialTask


@dataclass(frozen=True)
class ByTurns:
    """An executor that trains two networks in one process, an epoch of each in turn."""

    workers: int = 2
    description: str = "two networks by turns"
    cluster: None = None
    processors: int = 1

    def run(self, work: Work, evaluate: Evaluate, print_line: PrintLine = print_nothing) -> None:
        retries, running = Retries(), dict[TrialTask, Iterator[EpochReport]]()
        while True:
            while len(running) < self.workers and (task := work.next_trial()) is not None:
                running[task] = evaluate(task)
            if not running:
                return
            for task, reports in list(running.items()):
                report = next_report(reports, epoch_seconds=300)
                if not isinstance(report, Failure):
                    if not work.epoch_done(task.number, report):
                        del running[task]
                    continue
                del running[task]
                if retries.after(task.number, report) is Next.FAIL:
                    work.fail(task.number, report)
                else:
                    work.repeat(task.number)


ERRORS = {
    1: RuntimeError("CUDA error: out of memory"),
    2: OSError(errno.ENOSPC, "No space left on device"),
    3: RuntimeError("broken"),
}
"""The errors of trainings, by trial."""


def fails(task: TrialTask, real: Evaluate) -> Iterator[EpochReport]:
    if task.number in ERRORS:
        raise ERRORS[task.number]
    yield from real(task)


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch, request_tiny: SearchRequest) -> SearchRequest:
    """A request for a search with a strategy and an executor that se-nas does not have."""
    monkeypatch.setitem(STRATEGIES, "drawn", lambda problem: Sampling(problem.sample, seed=problem.seed))
    monkeypatch.setattr(search, "build_executor", lambda *_, **__: ByTurns())
    return replace(request_tiny, strategy="drawn", budget=5, epochs=2)


def test_both_follow_the_protocols() -> None:
    executors: list[Executor] = [ByTurns(), LocalExecutor(epoch_seconds=1)]

    assert [executor.workers for executor in executors] == [2, 1]


def test_a_search_runs_to_its_end_is_resumed_and_reported(made_up: SearchRequest, console: Console) -> None:
    search.start_search(made_up, console)
    search.resume_search(made_up.run, replace(made_up, run=None, space=None, resume=made_up.run, budget=7), console)
    rewrite_report(made_up.run, console)

    config, progress = load_progress(RunFolder.open(made_up.run))
    assert config.strategy == "drawn"
    assert len(progress.records) == 7
    assert {record.status for record in progress.records} <= {TrialStatus.COMPLETE, TrialStatus.PRUNED}
    assert "two networks by turns" in console.file.getvalue()  # type: ignore[attr-defined]


def test_an_ablation_trains_on_the_executor(
    made_up: SearchRequest, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    search.start_search(made_up, console)
    monkeypatch.setattr(replicate, "build_executor", lambda *_, **__: ByTurns())

    ablate(AblateRequest(network=f"{made_up.run}:knee", seeds=2, epochs=1, wandb="off"), console)

    assert console.file.getvalue().count("two networks by turns") == 2  # type: ignore[attr-defined]
    assert load_ablation(next(made_up.run.glob("ablate-*.json"))).effects


def test_a_failure_arrives_as_a_type_and_the_search_goes_on(
    made_up: SearchRequest, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = evaluation.TrialEvaluation.__call__
    monkeypatch.setattr(
        evaluation.TrialEvaluation, "__call__", lambda self, task: fails(task, lambda each: real(self, each))
    )

    search.start_search(made_up, console)

    records = load_progress(RunFolder.open(made_up.run))[1].records
    failed = {one.number: one.failure.kind for one in records if one.failure is not None}
    assert failed == {1: FailureKind.MEMORY, 2: FailureKind.PLACE, 3: FailureKind.NETWORK}
    assert len(records) == 5

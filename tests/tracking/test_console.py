import io
from dataclasses import replace

from rich.console import Console

from se_nas.searching.expectation import Expectation
from se_nas.searching.objectives import parse_objectives
from se_nas.searching.progress import SearchProgress, progress_of
from se_nas.searching.records import TrialRecord, TrialStatus
from se_nas.space.decisions import Categorical, Role
from se_nas.tracking.console import ConsoleTracker
from se_nas.tracking.protocol import SearchOutcome

DECISIONS = {
    "stage1.se": Categorical((False, True), role=Role.ATTENTION),
    "stage1.width": Categorical((8, 16), role=Role.WIDTH),
}


def a_record(number: int, accuracy: float, flops: int, status: TrialStatus = TrialStatus.COMPLETE) -> TrialRecord:
    return TrialRecord(
        number=number,
        status=status,
        assignment={"stage1.se": True},
        fingerprint=f"{number:016x}",
        se=("none", "inner/4"),
        cost={"flops": flops},
        curve=(accuracy,),
        reason="stopped at epoch 3" if status is TrialStatus.PRUNED else "",
    )


def a_progress(*records: TrialRecord) -> SearchProgress:
    return progress_of(records, parse_objectives("accuracy,flops"), (0.0, 1000.0), 5)


def console_on(text: io.StringIO, *, terminal: bool) -> Console:
    return Console(file=text, width=100, force_terminal=terminal, color_system=None)


def test_without_a_terminal_each_ended_trial_is_one_plain_line() -> None:
    text = io.StringIO()
    tracker = ConsoleTracker(console_on(text, terminal=False), title="t", clock=lambda: 0.0)
    complete, pruned = a_record(0, 0.9, 500), a_record(1, 0.5, 600, TrialStatus.PRUNED)

    tracker.trial_started(complete, a_progress(complete))
    tracker.trial_ended(complete, a_progress(complete))
    tracker.trial_ended(pruned, a_progress(complete, pruned))

    lines = text.getvalue().splitlines()
    assert len(lines) == 2
    assert "complete  accuracy 0.9000  500 flops  SE · 4" in lines[0]
    assert "pruned" in lines[1]
    assert "stopped at epoch 3" in lines[1]


def test_on_a_terminal_the_metrics_of_the_last_trial_are_shown() -> None:
    text = io.StringIO()
    tracker = ConsoleTracker(console_on(text, terminal=True), title="t", clock=lambda: 0.0)
    metrics = {"training_loss": 0.25, "images_per_second": 12_345.0, "peak_gpu_gib": None}
    trained = replace(a_record(0, 0.9, 500), metrics=metrics)

    tracker.trial_ended(trained, a_progress(trained))
    tracker.close()

    assert "its last epoch: training loss 0.25, images per second 12.3k" in text.getvalue()
    assert "peak gpu" not in text.getvalue()


def test_on_a_terminal_the_reason_of_a_failure_stays_after_the_live_table_is_gone() -> None:
    text = io.StringIO()
    tracker = ConsoleTracker(console_on(text, terminal=True), title="t", clock=lambda: 0.0)
    complete = a_record(0, 0.9, 500)
    failed = replace(a_record(1, 0.5, 600, TrialStatus.FAILED), reason="the loss is no number")

    tracker.trial_ended(failed, a_progress(failed))
    tracker.trial_ended(complete, a_progress(failed, complete))
    tracker.close()

    above = text.getvalue().split("trial    0")[0]
    assert "trial    1  failed" in above
    assert "the loss is no number" in above


def test_the_closing_summary_names_front_knee_and_next_steps() -> None:
    text = io.StringIO()
    tracker = ConsoleTracker(console_on(text, terminal=False), title="t", clock=lambda: 0.0)
    progress = a_progress(a_record(0, 0.5, 100), a_record(1, 0.9, 200), a_record(2, 0.91, 900))

    tracker.search_ended(
        progress, SearchOutcome(figures={}, front_files=(), best_files=(), notes=("retrain   python x [knee]",))
    )

    said = text.getvalue()
    assert "3/5 trials: 3 complete, 0 pruned, 0 failed, front 3" in said
    assert [line.split()[-1] for line in said.splitlines()[3:6]] == ["cheapest", "knee", "best"]
    assert said.endswith("retrain   python x [knee]\n")


def test_what_is_observed_and_expected_stand_side_by_side() -> None:
    text = io.StringIO()
    tracker = ConsoleTracker(console_on(text, terminal=False), title="t", clock=lambda: 0.0)
    records = [a_record(0, 0.5, 100), a_record(1, 0.9, 200)]
    expected = {0: Expectation(0.52, 0.01), 1: Expectation(0.85, 0.02)}

    tracker.search_ended(
        progress_of(records, parse_objectives("accuracy,flops"), (0.0, 1000.0), 5, expected),
        SearchOutcome(figures={}, front_files=(), best_files=(), notes=()),
    )

    assert [line.split()[:4] for line in text.getvalue().splitlines()[2:5]] == [
        ["trial", "accuracy", "expected", "90"],
        ["0", "0.5000", "0.5200", "0.5036-0.5364"],
        ["1", "0.9000", "0.8500", "0.8171-0.8829"],
    ]


def test_members_of_practically_equal_cost_name_the_best_of_them() -> None:
    text = io.StringIO()
    tracker = ConsoleTracker(console_on(text, terminal=False), title="t", clock=lambda: 0.0)
    front = a_record(0, 0.5, 100), a_record(1, 0.9, 1000), a_record(2, 0.905, 1005), a_record(3, 0.95, 2000)

    tracker.search_ended(a_progress(*front), SearchOutcome(figures={}, front_files=(), best_files=(), notes=()))

    line = next(line for line in text.getvalue().splitlines() if line.split()[:1] == ["1"])
    assert line.rstrip().endswith("costs as much as 2")


def test_on_a_terminal_the_live_table_shows_rate_and_time_left() -> None:
    text = io.StringIO()
    seconds = iter([0.0] + [60.0] * 1000)
    tracker = ConsoleTracker(console_on(text, terminal=True), title="t", clock=lambda: next(seconds))
    record = a_record(0, 0.9, 500)

    tracker.trial_started(record, a_progress())
    tracker.trial_ended(record, a_progress(record))
    tracker.close()

    assert "1.0 trials/min" in text.getvalue()
    assert "4:00 left" in text.getvalue()

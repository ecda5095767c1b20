import logging

import pytest
import torch

from se_nas.training.step.cuda_graphs import WARM_UP_STEPS, Recorded, Step, build_recorder


class Counter:
    def __init__(self) -> None:
        self.steps = 0

    def __call__(self) -> None:
        self.steps += 1


class FakeRecorder:
    def __init__(self, replay: Step | None) -> None:
        self.replay, self.warm_ups = replay, 0

    def warm_up(self, step: Step) -> None:
        self.warm_ups += 1
        step()

    def record(self, step: Step) -> Step:
        if self.replay is None:
            raise RuntimeError("operation not permitted when stream is capturing")
        return self.replay


def test_every_call_does_one_step_before_and_after_the_recording() -> None:
    counter, replays = Counter(), Counter()
    recorder = FakeRecorder(replays)
    recorded = Recorded(counter, recorder)

    for _ in range(10):
        recorded()

    assert (counter.steps, recorder.warm_ups, replays.steps) == (WARM_UP_STEPS, WARM_UP_STEPS, 10 - WARM_UP_STEPS)


def test_a_step_that_cannot_be_recorded_runs_directly_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    counter = Counter()
    recorded = Recorded(counter, FakeRecorder(None))

    with caplog.at_level(logging.WARNING):
        for _ in range(10):
            recorded()

    assert counter.steps == 10
    assert [record.getMessage() for record in caplog.records] == [
        "this step cannot be recorded and runs without a CUDA graph: operation not permitted when stream is capturing"
    ]


def test_a_cpu_records_nothing() -> None:
    counter = Counter()
    recorded = Recorded(counter, build_recorder(torch.device("cpu")))

    for _ in range(10):
        recorded()

    assert counter.steps == 10

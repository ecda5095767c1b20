import logging
from collections.abc import Callable

import pytest
import torch

from se_nas.training.recording import WARM_UP_STEPS, Recorded, recorder


class Counter:
    def __init__(self) -> None:
        self.steps = 0

    def __call__(self) -> None:
        self.steps += 1


def test_every_call_does_one_step_before_and_after_the_recording() -> None:
    counter, replays = Counter(), Counter()

    def record(step: Callable[[], None]) -> Callable[[], None]:
        return replays

    recorded = Recorded(counter, record)
    for _ in range(10):
        recorded()

    assert (counter.steps, replays.steps) == (WARM_UP_STEPS, 10 - WARM_UP_STEPS)


def test_what_cannot_be_recorded_runs_as_it_is_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    counter = Counter()

    def record(step: Callable[[], None]) -> Callable[[], None]:
        raise RuntimeError("operation not permitted when stream is capturing")

    recorded = Recorded(counter, record)
    with caplog.at_level(logging.WARNING):
        for _ in range(10):
            recorded()

    assert counter.steps == 10
    assert [record.getMessage() for record in caplog.records] == [
        "this step cannot be recorded and runs as it is: operation not permitted when stream is capturing"
    ]


def test_a_cpu_records_nothing() -> None:
    assert recorder(torch.device("cpu")) is None

"""Records the launches of one step as a CUDA graph, and replays them as one launch in later steps.

A step of a small network has hundreds of launches of a few microseconds each, so the host is slower than the GPU
(https://pytorch.org/docs/stable/notes/cuda.html#cuda-graphs).
"""

import logging
from collections.abc import Callable
from functools import cache
from typing import Protocol

import torch

WARM_UP_STEPS = 3
"""The number of steps before the recording, on a separate stream. Libraries choose algorithms and allocate in them."""

Step = Callable[[], None]


class Recorder(Protocol):
    """Records a step on a device."""

    def warm_up(self, step: Step) -> None:
        """Do the step without a recording."""

    def record(self, step: Step) -> Step:
        """Record the step without doing it. Each call of the result does its launches. RuntimeError if it fails."""


class Recorded:
    """Calls `step` directly a few times, and then by its CUDA graph. If it cannot be recorded, all calls are direct.

    Each call does one step, also the first calls. `step` is kept as long as the graph, because the graph has only the
    addresses of the tensors and does not keep them alive.
    """

    def __init__(self, step: Step, recorder: Recorder | None) -> None:
        self._step, self._recorder = step, recorder
        self._do = step
        self._warm_ups = WARM_UP_STEPS

    def __call__(self) -> None:
        """Do one step."""
        if self._recorder is not None:
            if self._warm_ups:
                self._warm_ups -= 1
                self._recorder.warm_up(self._step)
                return
            try:
                self._do = self._recorder.record(self._step)
            except RuntimeError as error:
                logging.getLogger(__name__).warning(
                    "this step cannot be recorded and runs without a CUDA graph: %s", error
                )
            self._recorder = None
        self._do()


class CudaGraphs:
    """Records on one GPU, always on the same stream, because libraries keep memory for each stream that they used."""

    def __init__(self) -> None:
        self._stream = _side_stream()

    def warm_up(self, step: Step) -> None:
        """Do the step on the stream that is recorded later."""
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            step()
        torch.cuda.current_stream().wait_stream(self._stream)

    def record(self, step: Step) -> Step:
        """Record a CUDA graph and return its replay."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):  # others may allocate
            step()
        replay: Step = graph.replay
        return replay


@cache
def _side_stream() -> torch.cuda.Stream:
    return torch.cuda.Stream()  # type: ignore[no-untyped-call]


def build_recorder(device: torch.device) -> Recorder | None:
    """The recorder for this device; None if the device has none."""
    return CudaGraphs() if device.type == "cuda" else None

"""A step that is replayed: the launches of one step, recorded as a CUDA graph, are sent to the GPU as one.

A small network's step is hundreds of launches of a few microseconds each, and the host is slower than the GPU
(https://pytorch.org/docs/stable/notes/cuda.html#cuda-graphs).
"""

import logging
from collections.abc import Callable
from functools import cache
from typing import Protocol

import torch

WARM_UP_STEPS = 3
"""Steps before the recording, on a stream of their own: libraries choose and allocate in them."""

Step = Callable[[], None]


class Recorder(Protocol):
    """How a device records."""

    def warm_up(self, step: Step) -> None:
        """Do the step as it is."""

    def record(self, step: Step) -> Step:
        """What does the step's launches again each time; the step itself is not done. RuntimeError if it cannot be."""


class Recorded:
    """Calls `step`, a few times as it is and then by its record; as it is for ever where it cannot be recorded.

    All calls do one step each, the first ones too. `step` is kept as long as its record, which has the addresses of
    what the step works on, but does not hold it.
    """

    def __init__(self, step: Step, recorder: Recorder | None) -> None:
        self._step, self._recorder = step, recorder
        self._do = step
        self._warm_ups = WARM_UP_STEPS

    def __call__(self) -> None:
        """One step."""
        if self._recorder is not None:
            if self._warm_ups:
                self._warm_ups -= 1
                self._recorder.warm_up(self._step)
                return
            try:
                self._do = self._recorder.record(self._step)
            except RuntimeError as error:
                logging.getLogger(__name__).warning("this step cannot be recorded and runs as it is: %s", error)
            self._recorder = None
        self._do()


class CudaGraphs:
    """Records on one GPU; always on the same stream, since libraries keep memory for each that they have seen."""

    def __init__(self) -> None:
        self._stream = _side_stream()

    def warm_up(self, step: Step) -> None:
        """On the stream that is recorded later."""
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            step()
        torch.cuda.current_stream().wait_stream(self._stream)

    def record(self, step: Step) -> Step:
        """The replay of a CUDA graph."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):  # others may allocate
            step()
        replay: Step = graph.replay
        return replay


@cache
def _side_stream() -> torch.cuda.Stream:
    return torch.cuda.Stream()  # type: ignore[no-untyped-call]


def build_recorder(device: torch.device) -> Recorder | None:
    """What records on this device; None where nothing does."""
    return CudaGraphs() if device.type == "cuda" else None

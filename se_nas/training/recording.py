"""A step that is replayed: the launches of one step, recorded as a CUDA graph, are sent to the GPU as one.

A small network's step is hundreds of launches of a few microseconds each, and the host is slower than the GPU
(https://pytorch.org/docs/stable/notes/cuda.html#cuda-graphs).
"""

import logging
from collections.abc import Callable

import torch

WARM_UP_STEPS = 3
"""Steps before the recording, on a stream of their own: libraries choose and allocate in them."""

Step = Callable[[], None]


class Recorded:
    """Calls `step`, a few times as it is and then by its record; as it is for ever where it cannot be recorded.

    All calls do one step each, the first ones too.
    """

    def __init__(self, step: Step, record: Callable[[Step], Step] | None) -> None:
        self._step, self._record = step, record
        self._calls = 0

    def __call__(self) -> None:
        """One step."""
        if self._record is not None and self._calls == WARM_UP_STEPS:
            try:
                self._step = self._record(self._step)
            except RuntimeError as error:
                logging.getLogger(__name__).warning("this step cannot be recorded and runs as it is: %s", error)
        self._calls += 1
        self._step()


def recorder(device: torch.device) -> Callable[[Step], Step] | None:
    """What records on this device; None where nothing does."""
    return _record_cuda_graph if device.type == "cuda" else None


def _record_cuda_graph(step: Step) -> Step:
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    replay: Step = graph.replay
    return replay

"""Modules in ONNX Runtime on the CPU. Modules are exported together, because each export takes seconds."""

import contextlib
import importlib.util
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

ONNX_NEEDS = ("onnx", "onnxscript", "onnxruntime")
TOGETHER = 16
"""The number of modules in an export."""


def onnx_problem() -> str | None:
    """A line that names the packages that this machine lacks; None if it lacks none."""
    missing = missing_packages(ONNX_NEEDS)
    return f"ONNX needs {missing}" if missing else None


def missing_packages(needs: Sequence[str]) -> str:
    """The packages that this machine lacks, and the command that installs them; "" if it lacks none."""
    missing = [name for name in needs if importlib.util.find_spec(name) is None]
    return f"{', '.join(missing)}: pip install -e '.[onnx]'" if missing else ""


def open_session(graph: Any, threads: int) -> Any:
    """A session of ONNX Runtime for a network, given as a file or as its content, on threads of the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def load_in_onnx(
    modules: Sequence[tuple[nn.Module, tuple[int, ...]]], device: torch.device, threads: int
) -> list[Callable[[], object]]:
    """A function for each module that runs it once on zeros."""
    runs: list[Callable[[], object]] = []
    for start in range(0, len(modules), TOGETHER):
        some = modules[start : start + TOGETHER]
        for (_, shape), graph in zip(some, _graphs(some), strict=True):
            session = open_session(graph, threads)
            (given,) = session.get_inputs()
            runs.append(partial(session.run, None, {given.name: np.zeros(shape, dtype=np.float32)}))
    return runs


def _graphs(modules: Sequence[tuple[nn.Module, tuple[int, ...]]]) -> list[bytes]:
    """The ONNX graph of each module, as bytes."""
    import onnx

    inputs = [torch.zeros(*shape) for _, shape in modules]
    names = [(f"in{index}", f"out{index}") for index in range(len(modules))]
    with quiet_exporters(), torch.inference_mode(False), torch.no_grad():
        graph = torch.export.export(_SideBySide([module for module, _ in modules]).eval(), (inputs,))
        program = torch.onnx.export(
            graph,
            input_names=[name for name, _ in names],
            output_names=[name for _, name in names],
            external_data=False,
        )
    assert program is not None
    parts = onnx.utils.Extractor(program.model_proto)
    return [parts.extract_model([given], [result]).SerializeToString() for given, result in names]


class _SideBySide(nn.Module):
    """Runs each of its modules on an input of its own."""

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        super().__init__()
        self.each = nn.ModuleList(modules)

    def forward(self, inputs: list[Tensor]) -> list[Tensor]:
        """The result of each module."""
        return [module(own) for module, own in zip(self.each, inputs, strict=True)]


@contextlib.contextmanager
def quiet_exporters() -> Iterator[None]:
    """Silence the exporters, which print their progress and their own deprecations."""
    before: Any = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)

"""The runtimes on which latency can be measured. `RUNTIMES` has an entry for each."""

import contextlib
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from se_nas.training.devices.device import device_name, prepare, synchronise
from se_nas.training.known_latency.onnx_sessions import load_in_onnx, onnx_problem
from se_nas.training.step.precision import usual_precision

Run = Callable[[], object]
Timed = tuple[nn.Module, tuple[int, ...]]
"""A module, and the shape of its input."""
OnRound = Callable[[int, int], None]
"""Takes the number of finished rounds, and the number of all rounds."""

WARM_UPS, FEWEST_ROUNDS, MOST_ROUNDS = 1, 10, 40
UNTIMED, TIMED = 1, 3
"""The passes of a group in a round. The first passes fill the caches, as in a network that runs again and again."""
SECONDS = 40.0
"""The time that the rounds may take, if the fewest rounds do not take longer."""


FAST = 0.05
"""The quantile of the passes that is the time of a module. It is low, because other programs only slow passes down."""


def undisturbed(seconds: Sequence[float]) -> float:
    """The seconds of a pass that nothing else disturbs, from the seconds of several passes.

    >>> undisturbed([0.25] * 20 + [9.0])
    0.25
    """
    return float(np.quantile(seconds, FAST))


class Runtime(Protocol):
    """Measures the time of modules."""

    @property
    def starts_at_once(self) -> bool:
        """Whether a module runs without a compilation or an export, which takes seconds or minutes."""

    def problem(self) -> str | None:
        """A line that names a thing that this machine lacks for the runtime; None if it lacks nothing."""

    def device_name(self) -> str:
        """The name of the device for people."""

    def measure(
        self, modules: Sequence[Timed], groups: Sequence[Sequence[int]], *, threads: int, on_round: OnRound
    ) -> Sequence[Sequence[float]]:
        """The seconds of several passes of each module. The modules are in eval mode.

        Groups of modules, named by their indices, take turns. The modules of a group run one after another, as the
        layers of a network do. Each module is in at least one group.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedRuntime:
    """A runtime that is measured with this machine's clock.

    `load` makes a function for each module that runs it once. `lacks` is `problem`.
    """

    device: torch.device
    load: Callable[[Sequence[Timed], torch.device, int], Sequence[Run]]
    starts_at_once: bool
    lacks: Callable[[], str | None]

    def problem(self) -> str | None:
        """The line of `lacks`."""
        return self.lacks()

    def device_name(self) -> str:
        """The name of the GPU, or the kind of processor."""
        return device_name(self.device) if self.device.type == "cuda" else processor_name()

    def measure(
        self, modules: Sequence[Timed], groups: Sequence[Sequence[int]], *, threads: int, on_round: OnRound
    ) -> list[list[float]]:
        """The seconds of each pass after the warm-ups. With one thread of a CPU they are that thread's own seconds, in
        which no other process runs."""
        prepare(self.device)
        clock = time.thread_time if self.device.type == "cpu" and threads == 1 else time.perf_counter
        with _threads(threads), torch.inference_mode(), usual_precision(self.device).autocast(self.device):
            runs = self.load(modules, self.device, threads)
            took = 0.0
            for _ in range(WARM_UPS):
                began = time.perf_counter()
                self._round(runs, groups, clock)
                took = time.perf_counter() - began
            rounds = min(MOST_ROUNDS, max(FEWEST_ROUNDS, int(SECONDS / max(took, 1e-6))))
            taken: list[list[float]] = [[] for _ in runs]
            for done in range(1, rounds + 1):
                for index, seconds in self._round(runs, groups, clock):
                    taken[index].append(seconds)
                on_round(done, rounds)
        return taken

    def _round(
        self, runs: Sequence[Run], groups: Sequence[Sequence[int]], clock: Callable[[], float]
    ) -> list[tuple[int, float]]:
        """The index and the seconds of each timed pass in one round."""
        taken = []
        for group in groups:
            for index in [*group] * UNTIMED:
                runs[index]()
            for index in [*group] * TIMED:
                synchronise(self.device)
                began = clock()
                runs[index]()
                synchronise(self.device)
                taken.append((index, clock() - began))
        return taken


def processor_name() -> str:
    """The model of the processor, as far as the system knows it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return " ".join(value.split())
    return platform.processor() or platform.machine()


@contextlib.contextmanager
def _threads(threads: int) -> Iterator[None]:
    """Let torch use this many threads on the CPU."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _load_eager(modules: Sequence[Timed], device: torch.device, threads: int) -> list[Run]:
    """Run the modules as trials run them: in the device's usual precision and layout."""
    precision = usual_precision(device)
    return [
        partial(precision.placed(module.to(device)), _input(shape, device, precision.layout))
        for module, shape in modules
    ]


def _load_compiled(modules: Sequence[Timed], device: torch.device, threads: int) -> list[Run]:
    """Run the modules as `torch.compile` makes them."""
    layout = usual_precision(device).layout
    return [
        partial(
            torch.compile(_own_function(module.to(memory_format=layout)), dynamic=False), _input(shape, device, layout)
        )
        for module, shape in modules
    ]


def _own_function(module: nn.Module) -> Callable[[Tensor], Tensor]:
    """A function that calls the module and has its own code object, of which torch keeps only a few compiled forms."""

    def call(features: Tensor) -> Tensor:
        result: Tensor = module(features)
        return result

    return FunctionType(call.__code__.replace(), call.__globals__, call.__name__, None, call.__closure__)


def _input(shape: Sequence[int], device: torch.device, layout: torch.memory_format) -> Tensor:
    return torch.zeros(*shape, device=device).to(memory_format=layout)


def _compiler_problem() -> str | None:
    wanted = [os.environ.get("CXX"), "g++", "clang++"]
    if any(name and shutil.which(name) for name in wanted):
        return None
    return "torch.compile needs a C++ compiler: install g++, or name one by CXX"


def _gpu_problem() -> str | None:
    return None if torch.cuda.is_available() else "torch finds no GPU on this machine"


CPU = torch.device("cpu")

RUNTIMES: Mapping[str, Runtime] = {
    "eager": TimedRuntime(device=CPU, load=_load_eager, starts_at_once=True, lacks=lambda: None),
    "compiled": TimedRuntime(device=CPU, load=_load_compiled, starts_at_once=False, lacks=_compiler_problem),
    "onnx": TimedRuntime(device=CPU, load=load_in_onnx, starts_at_once=False, lacks=onnx_problem),
    "cuda": TimedRuntime(device=torch.device("cuda"), load=_load_eager, starts_at_once=True, lacks=_gpu_problem),
}
"""Every runtime by its name: torch on the CPU, `torch.compile` on the CPU, ONNX Runtime on the CPU, torch on a GPU."""

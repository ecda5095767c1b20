"""A runtime with a made-up clock: a module takes a microsecond for each of its parameters, and each module one more."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import nn

from se_nas.training.known_latency.runtimes import OnRound, Timed

MICROSECOND = 1e-6


@dataclass
class FakeRuntime:
    """A runtime whose `overhead` in seconds is added to each module. `measured` counts the modules so far."""

    overhead: float = MICROSECOND
    lacks: str | None = None
    device: str = "a made-up processor"
    starts_at_once: bool = True
    measured: int = 0
    threads: list[int] = field(default_factory=list)

    def problem(self) -> str | None:
        return self.lacks

    def device_name(self) -> str:
        return self.device

    def measure(
        self, modules: Sequence[Timed], groups: Sequence[Sequence[int]], *, threads: int, on_round: OnRound
    ) -> list[list[float]]:
        assert {index for group in groups for index in group} == {*range(len(modules))}
        self.measured += len(modules)
        self.threads.append(threads)
        on_round(1, 1)
        return [[shape[0] * self._seconds(module)] * 3 for module, shape in modules]

    def _seconds(self, module: nn.Module) -> float:
        assert not module.training
        return self.overhead + MICROSECOND * sum(parameter.numel() for parameter in module.parameters())

"""Measures the share of a core that the whole driver takes, with many trials in flight on Ray. Nothing is trained.

The search is the real one (`driver_load`), run by the executor of a search with Ray Tune. A training sleeps for each
epoch and reports a made-up accuracy. Each report is judged, but no trial is stopped: so each trial has as many reports,
and lasts as long, as the others.

A small machine has no memory for 512 processes. So a process can stand for several workers: it has a thread for each.
Tune has as many trials, actors and tasks in flight, and gets the same results. What is missing is what Ray itself does
for a further connection.
"""

import contextlib
import itertools
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

from driver_load import EPOCHS, RunOfTrials, Stopwatch, curve_of, resident_megabytes

READING_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleeping:
    """An evaluation that sleeps for each epoch. Trials up to number `spread` end after a part of their time."""

    epoch_seconds: float
    spread: int

    def __call__(self, task: Any) -> Iterator[Any]:
        """Report every epoch."""
        from se_nas.searching.tasks import EpochReport

        draw = random.Random(task.seed)
        pace = draw.random() if task.number < self.spread else 1.0
        for epoch in range(1, EPOCHS + 1):
            time.sleep(pace * self.epoch_seconds * draw.uniform(0.8, 1.2))
            yield EpochReport(epoch=epoch, accuracy=0.0, seconds=self.epoch_seconds, costs={})


@dataclass
class MadeUp:
    """The work of a search, whose reports get a made-up accuracy."""

    loop: Any
    is_over: bool = False
    started: int = 0
    ended: int = 0
    reports: int = 0
    _curves: dict[int, tuple[float, ...]] = field(default_factory=dict)

    def next_trial(self) -> Any:
        """The next training of the search."""
        if self.is_over:
            return None
        task = self.loop.next_trial()
        record = self.loop.records[task.number]
        self._curves[task.number] = curve_of(record.fingerprint, record.cost["flops"], EPOCHS)
        self.started += 1
        return task

    def epoch_done(self, number: int, report: Any) -> bool:
        """Hand the report to the search."""
        self.reports += 1
        continues = self.loop.epoch_done(number, replace(report, accuracy=self._curves[number][report.epoch - 1]))
        if not continues:
            self.ended += 1
            del self._curves[number]
        return bool(continues)

    def fail(self, number: int, failure: Any) -> None:
        """End the measurement."""
        raise RuntimeError(failure.text)

    def repeat(self, number: int) -> None:
        """End the measurement."""
        raise RuntimeError(f"trial {number} was lost")


class JudgedOnly(Stopwatch):
    """Records the CPU seconds of each judgement, which stops no trial."""

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function without its result."""
        timed = super().around(function)

        def judged(*arguments: Any, **named: Any) -> None:
            timed(*arguments, **named)

        return judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Counts and clocks at a moment: seconds, CPU seconds of this process, and what the work has counted."""

    wall: float
    cpu: float
    main_thread: float
    ended: int
    reports: int
    megabytes: float


def measure_core(
    recorded: int, in_flight: int, *, trial_seconds: float, seconds: float, processes: int, objectives: str, wandb: str
) -> dict[str, float]:
    """Figures of `seconds` of a search with `in_flight` trials of `trial_seconds`, after each worker has ended one."""
    from se_nas.execution.ray.environment import set_ray_environment

    # No process before it is needed, and a training that sleeps needs no torch
    os.environ |= {"RAY_prestart_worker_first_driver": "0", "RAY_preload_python_modules": ""}
    set_ray_environment(workers=in_flight, own_cluster=True)
    from se_nas.execution.ray.tune import RayTuneExecutor

    with TemporaryDirectory(prefix="driver-core-") as name, contextlib.ExitStack() as stack:
        search = RunOfTrials.create(Path(name) / "run", recorded, budget=1_000_000, objectives=objectives)
        judging, proposing = JudgedOnly(), Stopwatch()
        work = MadeUp(search.open(wandb, judging, proposing))
        stack.callback(search.close)
        executor = RayTuneExecutor(
            workers=in_flight, gpus_per_trial=0.0, address=None, data_bytes=1_000_000, epoch_seconds=3600.0
        )
        if processes < in_flight:
            stack.enter_context(shared_workers(processes, threads=-(-in_flight // processes)))
        readings: list[Reading] = []
        main = threading.main_thread().ident

        def read() -> None:
            readings.append(
                Reading(
                    wall=time.monotonic(),
                    cpu=time.process_time(),
                    main_thread=time.clock_gettime(time.pthread_getcpuclockid(main)),  # type: ignore[arg-type]
                    ended=work.ended,
                    reports=work.reports,
                    megabytes=resident_megabytes(),
                )
            )

        def watch() -> None:
            while work.ended < in_flight:
                time.sleep(READING_SECONDS)
            judging.seconds.clear()
            proposing.seconds.clear()
            read()
            time.sleep(seconds)
            read()
            work.is_over = True

        threading.Thread(target=watch, daemon=True).start()
        with contextlib.suppress(KeyboardInterrupt):
            executor.run(work, Sleeping(epoch_seconds=trial_seconds / EPOCHS, spread=recorded + in_flight))
    before, after = readings
    trials, cpu = after.ended - before.ended, after.cpu - before.cpu
    wall = after.wall - before.wall
    wanted = in_flight / trial_seconds
    return {
        "trials a second": trials / wall,
        "reports a trial": (after.reports - before.reports) / trials,
        "ms a trial": 1000 * cpu / trials,
        "ms a judgement": judging.milliseconds,
        "ms a proposal": proposing.milliseconds,
        "% main thread": 100 * (after.main_thread - before.main_thread) / wall,
        "% of a core": 100 * cpu / wall,
        "% at the wanted rate": 100 * cpu / trials * wanted,
        "kB a trial": 1000 * (after.megabytes - before.megabytes) / trials,
    }


@contextlib.contextmanager
def shared_workers(processes: int, *, threads: int) -> Iterator[None]:
    """Let each actor of Tune in the body be a thread of one of so many processes."""
    import ray
    from ray.tune.execution import class_cache

    hosts: list[Any] = []
    numbers = itertools.count()

    def host(number: int) -> Any:
        if len(hosts) < processes:
            hosts.append(ray.remote(num_cpus=0, max_concurrency=threads + 1)(Host).remote())
        return hosts[number % len(hosts)]

    class Shared(ray.actor.ActorClass):  # type: ignore[type-arg]
        def __init__(self, trainable: type) -> None:
            self._trainable = ray.put(trainable)

        def options(self, **_: Any) -> "Shared":
            return self

        def remote(self, **settings: Any) -> "Handle":
            number = next(numbers)
            return Handle(host(number), number, self._trainable, settings)

    kept: dict[type, Shared] = {}

    def get(_: Any, trainable: type) -> Shared:
        if trainable not in kept:
            kept[trainable] = Shared(trainable)
        return kept[trainable]

    with mock.patch.object(class_cache._ActorClassCache, "get", get):
        yield


class Handle:
    """What Tune uses of an actor's handle, for a worker that is a thread of a host."""

    def __init__(self, host: Any, number: int, trainable: Any, settings: dict[str, Any]) -> None:
        self._host, self._number = host, number
        self._ready = host.make.remote(number, trainable, settings)
        self.__ray_ready__ = Method(lambda: self._ready)

    def __getattr__(self, name: str) -> "Method":
        return Method(lambda *arguments, **named: self._host.call.remote(self._number, name, arguments, named))


@dataclass(frozen=True, slots=True)
class Method:
    """A method that is called by `remote`."""

    remote: Callable[..., Any]


class Host:
    """A process that stands for several workers."""

    def __init__(self) -> None:
        from se_nas.execution.ray import worker

        worker.leave_words = lambda _: None  # needs the main thread
        worker.next_report = lambda reports, *, epoch_seconds: next(reports)
        self._workers: dict[int, Any] = {}

    def make(self, number: int, trainable: type, settings: dict[str, Any]) -> None:
        """Start a worker."""
        self._workers[number] = trainable(**settings)

    def call(self, number: int, name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Call a method of a worker."""
        return getattr(self._workers[number], name)(*arguments, **named)

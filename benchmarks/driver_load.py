"""Measures the work of the driver per trial, with many trials recorded and many in flight. Nothing is trained.

Everything around the trainings is the real search: loop, study on disk, stopping rule, strategy, files, terminal
and W&B offline. A trial's curve is made up from its network's fingerprint. The recorded trials are drawn from the space
and written before the measurement starts. Writing 100,000 trials takes an hour. So trials beyond `stored` are in the
memory of the driver only: they repeat the stored networks under other fingerprints, with other curves.
"""

import contextlib
import hashlib
import io
import math
import os
import random
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

EPOCHS = 12
REACHED = (12, 12, 12, 1, 1, 2, 3, 4, 6, 8)
"""The numbers of epochs of the recorded trials, in turn: three in ten trials are complete."""


def curve_of(fingerprint: str, flops: float, epochs: int) -> tuple[float, ...]:
    """A made-up accuracy after each epoch: it rises with the cost, and differs from network to network."""
    draw = random.Random(fingerprint)
    final = 0.7 + 0.05 * math.log10(flops / 1e5) + draw.gauss(0, 0.03)
    pace = draw.uniform(1.5, 4.0)
    return tuple(
        min(0.999, max(0.01, final * (1 - math.exp(-epoch / pace)) + draw.gauss(0, 0.01)))
        for epoch in range(1, epochs + 1)
    )


@dataclass
class Stopwatch:
    """Records the CPU seconds of each call of a function."""

    seconds: list[float] = field(default_factory=list)

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function with the measurement of its time."""

        def timed(*arguments: Any, **named: Any) -> Any:
            began = time.thread_time()
            try:
                return function(*arguments, **named)
            finally:
                self.seconds.append(time.thread_time() - began)

        return timed

    @property
    def milliseconds(self) -> float:
        """The mean of the calls."""
        return 1000 * float(np.mean(self.seconds)) if self.seconds else math.nan


def measure_load(
    recorded: int, in_flight: int, trials: int, *, objectives: str, wandb: str, stored: int | None = None
) -> dict[str, float]:
    """Figures of one search in this process: `trials` end while `in_flight` are in training.

    In a search that has gone on for a while, the trials in flight are in different epochs. So each begins in an epoch
    of its own, and as many trials as are in flight end before the measurement starts. Trials that all begin together
    also end together, and the number of epochs that are reported meanwhile is not that of a trial.
    """
    with tempfile.TemporaryDirectory(prefix="driver-load-") as name:
        folder = Path(name) / "run"
        kept = min(recorded, stored or recorded)
        search = RunOfTrials.create(folder, kept, budget=10 * (recorded + in_flight + trials), objectives=objectives)
        search.unwritten = recorded - kept
        began, base = time.process_time(), resident_megabytes()
        judging, proposing = Stopwatch(), Stopwatch()
        loop = search.open(wandb, judging, proposing)
        opening = time.process_time() - began
        draw = random.Random(0)
        flights = [_under_way(loop, draw.randrange(EPOCHS)) for _ in range(in_flight)]
        _fly(loop, flights, in_flight, draw)
        _wait_for_wandb(folder, wandb)
        judging.seconds.clear()
        proposing.seconds.clear()
        before, wall = time.process_time(), time.monotonic()
        epochs, stopped = _fly(loop, flights, trials, draw)
        spent, wall = time.process_time() - before, time.monotonic() - wall
        found = {
            "ms a trial": 1000 * spent / trials,
            "wall ms a trial": 1000 * wall / trials,
            "ms a judgement": judging.milliseconds,
            "ms a proposal": proposing.milliseconds,
            "epochs a trial": epochs / trials,
            "% stopped": 100 * stopped / trials,
            "MB": resident_megabytes() - base,
            "seconds to open": opening,
        }
        search.close()
        return found


def _under_way(loop: Any, epochs: int) -> "_Flight":
    """A trial, in whose place so many epochs have been reported; where one ended meanwhile, the next followed."""
    flight = _Flight(loop.next_trial())
    for _ in range(epochs):
        if not flight.advance(loop):
            flight.begin(loop.next_trial())
    return flight


def _fly(loop: Any, flights: list["_Flight"], trials: int, draw: random.Random) -> tuple[int, int]:
    """Let trials in flight, drawn at random, report an epoch, until `trials` have ended. A new trial follows each.

    Returns the number of reported epochs and the number of stopped trials.
    """
    epochs = ended = stopped = 0
    while ended < trials:
        flight = flights[draw.randrange(len(flights))]
        epochs += 1
        if not flight.advance(loop):
            ended += 1
            stopped += flight.epoch < EPOCHS
            flight.begin(loop.next_trial())
    return epochs, stopped


@dataclass
class _Flight:
    """A trial in training."""

    task: Any
    epoch: int = 0
    curve: tuple[float, ...] = ()

    def begin(self, task: Any) -> None:
        self.task, self.epoch, self.curve = task, 0, ()

    def advance(self, loop: Any) -> bool:
        """Report the next epoch; False if the trial has ended."""
        from se_nas.searching.tasks import EpochReport

        if not self.curve:
            record = loop.records[self.task.number]
            self.curve = curve_of(record.fingerprint, record.cost["flops"], EPOCHS)
        self.epoch += 1
        report = EpochReport(epoch=self.epoch, accuracy=self.curve[self.epoch - 1], seconds=1.0, costs={})
        return bool(loop.epoch_done(self.task.number, report))


@dataclass
class RunOfTrials:
    """A run folder, and the search that is opened there as a resumed search is."""

    folder: Any
    config: Any
    space: Any
    data: Any
    cost_of: Any
    unwritten: int = 0
    _opened: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @classmethod
    def create(cls, path: Path, recorded: int, *, budget: int, objectives: str) -> "RunOfTrials":
        """Write a run folder with `recorded` ended trials."""
        from se_nas.commands.preflight import cost_on, draw_networks, hypervolume_reference
        from se_nas.commands.search.flags import DEFAULT_SPACE
        from se_nas.data.sources import load_data
        from se_nas.runs.run_folder import RunFolder
        from se_nas.runs.settings import SearchConfig, running_versions
        from se_nas.searching.objectives import parse_objectives
        from se_nas.searching.study.study import SearchStudy
        from se_nas.space.files.loading import load_design_space

        space = load_design_space(DEFAULT_SPACE)
        data = load_data("digits", image_size=space.image_size)
        cost_of = cost_on(data)
        parsed = parse_objectives(objectives)
        path.mkdir()
        folder = RunFolder(path)
        config = SearchConfig(
            space="small.yaml",
            space_seal="none",
            data="digits",
            budget=budget,
            epochs=EPOCHS,
            strategy="front",
            objectives=objectives,
            versions={**running_versions(), "device": "none"},
            seed=0,
            image_size=data.image_size,
            classes=data.classes,
            images=data.fingerprint(),
            reference=hypervolume_reference(parsed, space, data, draw_networks(space, data, cost_of)),
        )
        search = cls(folder, config, space, data, cost_of)
        kept = Path(tempfile.gettempdir()) / f"driver-load-{os.getuid()}-{recorded}-{objectives}.db"
        if not kept.exists():
            study = SearchStudy(folder.study, parsed, space.decisions)
            for record in search._made_up(recorded):
                study.start(replace(record, status=_running(), curve=(), seconds=0.0, reason=""))
                study.finish(record)
            study.close()
            shutil.copyfile(folder.study, kept)
        shutil.copyfile(kept, folder.study)
        return search

    def _made_up(self, count: int) -> Iterator[Any]:
        """Ended trials of networks drawn from the space: complete, stopped, and one in fifty failed."""
        from se_nas.searching.records import TrialRecord, TrialStatus

        draw, number, seen = random.Random(1), 0, set()
        while number < count:
            assignment = self.space.sample(draw)
            architecture = self.space.decode(assignment)
            cost, fingerprint = self.cost_of(architecture), architecture.fingerprint()
            if fingerprint in seen or self.space.cost_violation(cost) is not None:
                continue
            seen.add(fingerprint)
            reached = REACHED[number % len(REACHED)]
            status = TrialStatus.COMPLETE if reached == EPOCHS else TrialStatus.PRUNED
            reason = "" if reached == EPOCHS else f"stopped at epoch {reached}: made up"
            if number % 50 == 49:
                status, reason = TrialStatus.FAILED, "made up"
            yield TrialRecord(
                number=number,
                status=status,
                assignment=assignment,
                fingerprint=fingerprint,
                se=architecture.se_tokens,
                cost=cost,
                curve=curve_of(fingerprint, cost["flops"], EPOCHS)[:reached],
                seconds=float(reached),
                reason=reason,
            )
            number += 1

    def open(self, wandb: str, judging: Stopwatch, proposing: Stopwatch) -> Any:
        """Open the run folder as a resumed search does, and time each judgement and each proposal; return the loop."""
        from rich.console import Console

        from se_nas.commands.search.assembly import SearchPlan, open_search, open_trials
        from se_nas.commands.search.flags import SearchRequest
        from se_nas.execution.local import LocalExecutor
        from se_nas.searching.propose.strategy import Fallback
        from se_nas.searching.study.study import SearchStudy

        plan = SearchPlan(
            config=self.config,
            space=self.space,
            data=self.data,
            executor=LocalExecutor(epoch_seconds=3600.0),
            request=SearchRequest(wandb=wandb),  # type: ignore[arg-type]
            pretrained=None,
            network=None,
            table=None,
        )
        for owner, name, stopwatch in ((SearchStudy, "reason_to_stop", judging), (Fallback, "ask", proposing)):
            self._opened.enter_context(mock.patch.object(owner, name, stopwatch.around(getattr(owner, name))))
        console = Console(file=io.StringIO())
        trials = self._opened.enter_context(open_trials(self.folder, plan, console))
        if self.unwritten:
            repeated = list(_repeated(trials.records, self.unwritten))
            with mock.patch.object(trials.study, "_store", mock.Mock()):
                for record in repeated:
                    trials.study.start(replace(record, status=_running(), curve=(), seconds=0.0, reason=""))
                    trials.study.finish(record)
            trials = replace(trials, records=[*trials.records, *repeated])
        return self._opened.enter_context(open_search(self.folder, plan, trials, console)).loop

    def close(self) -> None:
        """Release the study and the trackers."""
        self._opened.close()


def _repeated(records: Sequence[Any], count: int) -> Iterator[Any]:
    """The stored trials again and again, under other fingerprints and with other curves."""
    for number in range(len(records), len(records) + count):
        record = records[number % len(records)]
        fingerprint = hashlib.blake2b(f"{record.fingerprint} {number}".encode(), digest_size=8).hexdigest()
        curve = curve_of(fingerprint, record.cost["flops"], EPOCHS)[: len(record.curve)]
        yield replace(record, number=number, fingerprint=fingerprint, curve=curve)


def _running() -> Any:
    from se_nas.searching.records import TrialStatus

    return TrialStatus.RUNNING


def _wait_for_wandb(folder: Path, wandb: str) -> None:
    """Return when W&B has started, because its start is not the work of a trial."""
    ends = time.monotonic() + 120
    while wandb != "off" and not any(folder.glob("wandb/offline-run-*")) and time.monotonic() < ends:
        time.sleep(0.1)
    time.sleep(1.0)


def resident_megabytes() -> float:
    """The peak memory of this process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3

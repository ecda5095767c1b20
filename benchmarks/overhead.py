"""What does a search cost besides its trainings? Trials that train nothing, through se-nas and through Ray Tune.

    uv run benchmarks/overhead.py
    uv run benchmarks/overhead.py --trials 2000 --only ours
    uv run benchmarks/overhead.py --in-flight 4 64 256 512 --recorded 200 1000 10000
    uv run benchmarks/overhead.py --in-flight 512 --recorded 1000 --whole --processes 32

Ours is the whole search: the default space, strategy and stopping rule, study, files, W&B offline, report, two Ray
workers; only the training is replaced by an accuracy that follows from the network's fingerprint. The other is Ray
Tune's `Tuner` over a function with `OptunaSearch` for the same two objectives, as Ray's documentation shows it, with as
many trials at a time. Each runs in a process of its own, one after the other. Prints the seconds in total and after the
first trial has started, and the number and the memory of its processes (PSS, which counts shared pages once) when a
tenth and nine tenths of the trials have started.

With `--in-flight` the work of the driver is measured (`driver_load`): CPU milliseconds of an ended trial, of a
judgement and of a proposal, for each number of recorded trials and of trials in flight. Each case has a process of its
own. With `--whole` it is the share of a core that the driver takes with Ray Tune, too, while trials of
`--trial-seconds` with 12 reports run on `--processes` processes (`driver_core`).
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import psutil
from rich.console import Console
from rich.table import Table

WORKERS = 2
POLL_SECONDS = 1.0


def mark(folder: Path, count: int) -> None:
    """Record that a trial starts; `count` have started so far."""
    with (folder / "starts").open("a") as file:
        file.write(f"{count} {time.time()}\n")


@dataclass(kw_only=True)
class Nothing:
    """An evaluation that trains nothing and replaces `TrialEvaluation`."""

    folder: Path
    epochs: int

    def __call__(self, task: Any) -> Iterator[Any]:
        """Report every epoch at once."""
        from se_nas.searching.tasks import EpochReport

        mark(self.folder, task.number)
        accuracy = int(task.architecture.fingerprint(), 16) / 16**16
        for epoch in range(1, self.epochs + 1):
            yield EpochReport(epoch=epoch, accuracy=accuracy, seconds=0.0, costs={})


def run_ours(trials: int, folder: Path) -> None:
    """Run the search as the launch script does."""
    from se_nas.commands.search import search as module
    from se_nas.commands.search.flags import SearchRequest
    from se_nas.process.command_line import run

    def nothing(**given: Any) -> Nothing:
        return Nothing(folder=folder, epochs=given["recipe"].epochs)

    module.TrialEvaluation = nothing  # type: ignore[assignment, misc]
    request = SearchRequest(budget=trials, epochs=1, workers=WORKERS, run=folder / "run", wandb="offline")
    request.check()

    def search() -> None:
        module.start_search(request, Console(file=io.StringIO()))

    run(search, prog="search.py")


def run_ray(trials: int, folder: Path) -> None:
    """Run Ray Tune as in docs.ray.io, "Running Tune experiments with Optuna", the part on several objectives."""
    from ray import tune
    from ray.tune.search import ConcurrencyLimiter
    from ray.tune.search.optuna import OptunaSearch

    def objective(config: dict[str, Any]) -> None:
        mark(folder, 0)
        tune.report({"accuracy": config["width_1"] / 64, "flops": config["width_2"]})

    space: dict[str, Any] = {f"width_{stage}": tune.choice(list(range(16, 65, 8))) for stage in (1, 2, 3)}
    space |= {f"se_{stage}": tune.choice(["none", 2, 4, 8]) for stage in (1, 2, 3)}
    search = ConcurrencyLimiter(OptunaSearch(metric=["accuracy", "flops"], mode=["max", "min"]), max_concurrent=WORKERS)
    tuner = tune.Tuner(
        objective,
        tune_config=tune.TuneConfig(search_alg=search, num_samples=trials),
        run_config=tune.RunConfig(storage_path=str(folder / "ray")),
        param_space=space,
    )
    tuner.fit()


METHODS = {"ours": run_ours, "Ray Tune with OptunaSearch": run_ray}


def measure(method: str, trials: int) -> dict[str, float]:
    """Run a method in a process of its own and watch it."""
    with tempfile.TemporaryDirectory(prefix="overhead-") as name:
        folder = Path(name)
        began = time.time()
        log = (folder / "log").open("w")
        child = subprocess.Popen(
            [sys.executable, __file__, "--child", method, "--trials", str(trials), "--folder", name],
            env={**os.environ, "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"},  # else `uv run` gives each worker an environment
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        samples: list[tuple[int, int, float]] = []
        watcher = threading.Thread(target=_watch, args=(child, folder, samples), daemon=True)
        watcher.start()
        code = child.wait()
        ended = time.time()
        watcher.join()
        if code:
            raise SystemExit(f"{method} failed with exit code {code}:\n{(folder / 'log').read_text()[-2000:]}")
        starts = [float(line.split()[1]) for line in (folder / "starts").read_text().splitlines()]
    assert len(starts) == trials, f"{method}: {len(starts)} trials started, but {trials} were asked for"
    early, late = (
        next((sample for sample in samples if sample[0] >= share * trials), samples[-1]) for share in (0.1, 0.9)
    )
    return {
        "seconds": ended - began,
        "after start-up": ended - min(starts),
        "processes": max(count for _, count, _ in samples),
        "MB at a tenth": early[2] / 1e6,
        "MB at nine tenths": late[2] / 1e6,
    }


def _watch(child: subprocess.Popen[bytes], folder: Path, samples: list[tuple[int, int, float]]) -> None:
    """The started trials, processes and memory of the process tree while its driver works."""
    process = psutil.Process(child.pid)
    while child.poll() is None:
        try:
            tree = [process, *process.children(recursive=True)]
            memory = 0.0
            for each in tree:
                try:
                    memory += each.memory_full_info().pss
                except (psutil.NoSuchProcess, psutil.AccessDenied):
                    continue
            started = len((folder / "starts").read_text().splitlines()) if (folder / "starts").is_file() else 0
            if len(tree) > 1:
                samples.append((started, len(tree), memory))
        except psutil.NoSuchProcess:
            return
        time.sleep(POLL_SECONDS)


def print_loads(options: argparse.Namespace) -> None:
    """Measure the driver's work for each number of recorded trials and of trials in flight, each in its own process."""
    table = Table(title=f"the driver's CPU, {options.trials} trials ended, {options.objectives}", box=None)
    for column in ("recorded", "in flight"):
        table.add_column(column, justify="right")
    for recorded in options.recorded:
        for in_flight in options.in_flight:
            command = [sys.executable, __file__, "--load", str(recorded), str(in_flight), "--wandb", options.wandb]
            command += ["--trials", str(options.trials), "--objectives", options.objectives]
            command += ["--stored", str(options.stored)] if options.stored else []
            if options.whole:
                command += ["--whole", "--trial-seconds", str(options.trial_seconds), "--seconds", str(options.seconds)]
                command += ["--processes", str(options.processes or in_flight)]
            found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.splitlines()[-1])
            print(json.dumps({"recorded": recorded, "in flight": in_flight} | found), flush=True)
            if len(table.columns) == 2:
                for column in found:
                    table.add_column(column, justify="right")
            table.add_row(f"{recorded:,}", str(in_flight), *(f"{value:,.1f}" for value in found.values()))
    Console(width=140).print(table)


def main() -> None:
    """Parse the flags, run both, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--only", choices=METHODS)
    parser.add_argument("--child", choices=METHODS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--in-flight", type=int, nargs="+", metavar="N", help="measure the driver's own work")
    parser.add_argument("--recorded", type=int, nargs="+", metavar="N", default=[200, 1000, 10_000])
    parser.add_argument("--stored", type=int, metavar="N", help="with --in-flight: more trials are in memory only")
    parser.add_argument("--objectives", default="accuracy,flops")
    parser.add_argument("--wandb", choices=["offline", "off"], default="offline")
    parser.add_argument("--whole", action="store_true", help="with --in-flight: the whole driver, with Ray Tune")
    parser.add_argument("--trial-seconds", type=float, default=60.0, help="with --whole")
    parser.add_argument("--seconds", type=float, default=120.0, help="with --whole: how long to measure")
    parser.add_argument("--processes", type=int, help="with --whole: the processes that stand for the workers")
    parser.add_argument("--load", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        from driver_core import measure_core
        from driver_load import measure_load

        told = {"objectives": options.objectives, "wandb": options.wandb}
        if options.whole:
            spans = {"trial_seconds": options.trial_seconds, "seconds": options.seconds}
            found = measure_core(*options.load, **spans, processes=options.processes, **told)
        else:
            found = measure_load(*options.load, options.trials, stored=options.stored, **told)
        print(json.dumps({name: round(value, 2) for name, value in found.items()}))
        return
    if options.in_flight:
        print_loads(options)
        return
    if options.child:
        METHODS[options.child](options.trials, options.folder)
        return
    table = Table(title=f"{options.trials} trials that train nothing, {WORKERS} at a time", box=None)
    table.add_column("")
    for turn in range(options.turns):
        for method in [options.only] if options.only else METHODS:
            found = measure(method, options.trials)
            print(
                json.dumps({"turn": turn, "method": method} | {name: round(value, 1) for name, value in found.items()})
            )
            if not turn and len(table.columns) == 1:
                for column in (*found, "ms a trial after start-up"):
                    table.add_column(column, justify="right")
            each = 1000 * found["after start-up"] / options.trials
            table.add_row(method, *(f"{value:,.1f}" for value in found.values()), f"{each:,.0f}")
    Console(width=140).print(table)


if __name__ == "__main__":
    main()

"""What do three kills cost? The same faults for a whole search of se-nas and for Ray Tune as documented.

    uv run benchmarks/faults.py

Trainings take a second and learn nothing; two at a time. When six have ended, a worker that trains is killed (-9), the
driver is killed (-9), or the driver is sent SIGTERM; a dead driver is started again: ours with `--resume`, Ray's
with `Tuner.restore(..., resume_unfinished=True, restart_errored=True)` (docs.ray.io, "How to Enable Fault Tolerance in
Ray Tune") and `OptunaSearch`. Prints for each: how the driver ended, the seconds from the fault to the next
training, and the numbers of trainings that were repeated after they had finished, that had finished and are missing in
the results, that were interrupted and given up, and that are in the final results.
"""

import argparse
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from rich.console import Console
from rich.table import Table

TRIALS, WORKERS, EPOCHS, EPOCH_SECONDS, ENDED_BEFORE = 16, 2, 4, 0.25, 6
FAULTS = ("worker killed", "driver killed", "driver told to stop")


def note(folder: Path, what: str, trial: str) -> None:
    """A line in the log of trainings: start or end, trial, process, time."""
    with (folder / "log").open("a") as file:
        file.write(json.dumps([what, trial, os.getpid(), time.time()]) + "\n")


def train(folder: Path, trial: str) -> Iterator[float]:
    """An accuracy after each epoch, without any learning."""
    note(folder, "start", trial)
    for epoch in range(1, EPOCHS + 1):
        time.sleep(EPOCH_SECONDS)
        if epoch == EPOCHS:
            note(folder, "end", trial)
        yield epoch / EPOCHS


@dataclass(kw_only=True)
class Slow:
    """Replaces `TrialEvaluation`. It writes its result as a real worker does."""

    folder: Path
    results: Any

    def __call__(self, task: Any) -> Iterator[Any]:
        """Yield a report for each epoch."""
        from se_nas.searching.tasks import EpochReport

        curve: list[float] = []
        for accuracy in train(self.folder, str(task.number)):
            curve.append(accuracy)
            if len(curve) == EPOCHS:
                self.results.write_finished(task, curve=curve, seconds=1.0, cost={}, metrics={})
            yield EpochReport(epoch=len(curve), accuracy=accuracy, seconds=EPOCH_SECONDS, costs={})


def run_ours(folder: Path, *, resumed: bool) -> None:
    """Run the search as the launch script does. No trial is stopped early, so that all trials are alike."""
    from se_nas.commands.search import search as module
    from se_nas.commands.search.flags import SearchRequest
    from se_nas.process.command_line import run
    from se_nas.runs.run_folder import RunFolder
    from se_nas.searching.stop.pruning import FrontPruner

    module.TrialEvaluation = lambda **given: Slow(folder=folder, results=given["results"])  # type: ignore[assignment, misc]
    FrontPruner.prune = lambda *_: False  # type: ignore[assignment, method-assign]
    FrontPruner.judge = lambda *_, **__: None  # type: ignore[assignment, method-assign]
    place, quiet = folder / "run", Console(file=io.StringIO())

    def search() -> None:
        if resumed:
            module.resume_search(place, SearchRequest(resume=place, workers=WORKERS, wandb="off"), quiet)
        else:
            asked = SearchRequest(budget=TRIALS, epochs=EPOCHS, workers=WORKERS, run=place, wandb="off")
            module.start_search(asked, quiet)
        complete = [path.parent.name for path in place.glob("trials/*/result.json")]
        results = {str(int(name)): RunFolder(place).read_result(int(name)) for name in complete}
        kept = [name for name, result in results.items() if result and result["status"] == "complete"]
        (folder / "results").write_text(json.dumps(kept))

    run(search, prog="search.py")


def run_ray(folder: Path, *, resumed: bool) -> None:
    """Run Ray Tune as in its documentation."""
    from ray import tune
    from ray.tune.search import ConcurrencyLimiter
    from ray.tune.search.optuna import OptunaSearch

    def objective(config: dict[str, Any]) -> None:
        for accuracy in train(folder, tune.get_context().get_trial_id()):
            tune.report({"accuracy": accuracy, "flops": config["width"]})

    path = folder / "ray" / "search"
    if resumed:
        tuner = tune.Tuner.restore(str(path), objective, resume_unfinished=True, restart_errored=True)
    else:
        search = OptunaSearch(metric=["accuracy", "flops"], mode=["max", "min"])
        tuner = tune.Tuner(
            objective,
            tune_config=tune.TuneConfig(search_alg=ConcurrencyLimiter(search, WORKERS), num_samples=TRIALS),
            run_config=tune.RunConfig(name="search", storage_path=str(path.parent)),
            param_space={"width": tune.uniform(8, 64)},
        )
    results = tuner.fit()
    kept = [one.metrics["trial_id"] for one in results if one.metrics and one.metrics.get("accuracy") == 1.0]
    (folder / "results").write_text(json.dumps(kept))


METHODS = {"ours": run_ours, "Ray Tune, Tuner.restore": run_ray}


def measure(method: str, fault: str) -> dict[str, object]:
    """Run one search under one fault."""
    with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        driver = start(method, folder, resumed=False)
        while sum(line[0] == "end" for line in lines(folder)) < ENDED_BEFORE or not under_way(folder):
            if driver.poll() is not None:
                raise SystemExit(f"{method} ended by itself:\n{(folder / 'said').read_text()[-2000:]}")
            time.sleep(0.02)
        before = lines(folder)
        cut = under_way(folder)
        struck = time.time()
        if fault == "worker killed":
            os.kill(next(iter(cut.values())), signal.SIGKILL)
        else:
            driver.send_signal(signal.SIGKILL if fault == "driver killed" else signal.SIGTERM)
        code = driver.wait(timeout=300)
        ended = f"exit code {code}"
        if not (folder / "results").exists():
            time.sleep(5)  # the rest of the cluster ends
            code = start(method, folder, resumed=True).wait(timeout=300)
            ended += f"; resumed: {code}"
        after = lines(folder)[len(before) :]
        kept = json.loads((folder / "results").read_text()) if (folder / "results").exists() else []
        finished = {line[1] for line in before if line[0] == "end"}
        return {
            "driver": ended,
            "seconds to the next": round(min((line[3] for line in after if line[0] == "start"), default=0) - struck, 1),
            "trained again": sum(line[0] == "start" and line[1] in finished for line in after),
            "lost": len(finished - set(kept)),
            "given up": len(set(cut) - set(kept)),
            "results": f"{len(kept)} of {TRIALS}",
        }


def start(method: str, folder: Path, *, resumed: bool) -> subprocess.Popen[bytes]:
    """The driver in a process of its own."""
    call = [sys.executable, __file__, "--child", method, "--folder", str(folder), *(["--resumed"] if resumed else [])]
    environment = {**os.environ, "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}
    with (folder / "said").open("a") as said:
        return subprocess.Popen(call, env=environment, stdout=said, stderr=subprocess.STDOUT)


def lines(folder: Path) -> list[Any]:
    """The log so far."""
    path = folder / "log"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def under_way(folder: Path) -> dict[str, int]:
    """Trainings that have started and not ended, with their processes."""
    running: dict[str, int] = {}
    for what, trial, process, _ in lines(folder):
        if what == "start":
            running[trial] = process
        else:
            running.pop(trial, None)
    return running


def main() -> None:
    """Parse the flags, run all faults, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--child", choices=METHODS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--resumed", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        METHODS[options.child](options.folder, resumed=options.resumed)
        return
    table = Table(title=f"{TRIALS} trainings, {WORKERS} at a time", box=None)
    for column in ("fault", "", "driver", "seconds to the next", "trained again", "lost", "given up", "results"):
        table.add_column(column)
    for fault in FAULTS:
        for method in METHODS:
            found = measure(method, fault)
            print(json.dumps({"fault": fault, "method": method} | found), flush=True)
            table.add_row(fault, method, *map(str, found.values()))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()

"""The W&B runs of a search, its findings and retrainings, behind a guard: online if possible, else on disk."""

import contextlib
import importlib
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from se_nas.checksums import checksum
from se_nas.commands.flags import WandbMode
from se_nas.commands.wandb_choice import choose_wandb
from se_nas.runs.identity import SearchIdentity
from se_nas.runs.run_folder import RunFolder
from se_nas.tracking.guarded import Guard, Reporter
from se_nas.tracking.protocol import Finding, Tracker

OFFLINE = "wandb/offline-run-*"
"""The folders, below the folder of a run, where W&B keeps runs that are not sent."""

Job = Literal["confirm", "ablate", "supernet"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Build(Protocol[T_co]):
    """Starts a W&B run in a mode of W&B. With `continues`, it adds to an earlier run of the same id."""

    def __call__(self, mode: str, *, continues: bool) -> T_co:
        """Start the run; return the tracker that writes to it."""


def import_for_wandb() -> None:
    """Import the modules that the W&B thread would otherwise import at the same time as this thread.

    Two threads that import at once meet half-imported modules. W&B's tables and plotly use pandas if it is installed.
    """
    for name in ("se_nas.tracking.wandb_afterwards", "se_nas.tracking.wandb_tracker", "requests"):
        importlib.import_module(name)
    with contextlib.suppress(ImportError):
        importlib.import_module("pandas")


def wandb_guard(
    build: Build[T], wanted: WandbMode, folder: Path, *, continues: bool, print_line: Callable[[str], None]
) -> Guard[T]:
    """A guard that writes a run in the wanted mode, and on disk below `folder` if that fails. For "off" it calls
    nothing.

    The first run continues an earlier run of its id. The run on disk does so only with `continues`, if there was an
    earlier run. Otherwise it replaces everything that the first run has sent.
    """

    if wanted == "off":
        return Guard(name="W&B", print_line=print_line)

    def first() -> T:
        from se_nas.tracking.wandb_run import resolve_mode

        return build(resolve_mode(wanted), continues=True)

    def end() -> None:
        from se_nas.tracking.wandb_run import end_service

        end_service()

    kept = f"from here on it is written to disk; later: {_sync(folder)}"
    off = "it is off from here on; everything else continues"
    return Guard(
        Reporter(build=first, end=end, farewell=kept),
        Reporter(build=lambda: build("offline", continues=continues), end=end, farewell=off),
        name="W&B",
        print_line=print_line,
        prepare=import_for_wandb,
    )


def unsent(folder: Path, runs: str = OFFLINE) -> list[str]:
    """A line with the command that sends the runs on disk, if `folder` has any that match the pattern `runs`."""
    return [f"W&B       {_sync(folder, runs)}"] if any(folder.glob(runs)) else []


def search_runs(
    folder: RunFolder, search: SearchIdentity, *, each_trial: bool, take_live_front: Callable[[], Any]
) -> Build[Tracker]:
    """A function that starts the search's run, and with `each_trial` a run for each trial. See `WandbTracker`."""

    def build(mode: str, *, continues: bool) -> Tracker:
        from se_nas.tracking.wandb_tracker import Several

        whole = _search_run(folder, search, mode, continues=continues, take_live_front=take_live_front)
        return Several(whole, _trial_runs(folder, search, mode, continues=continues)) if each_trial else whole

    return build


def log_finding(
    finding: Finding,
    job: Job,
    folder: RunFolder,
    search: SearchIdentity,
    *,
    settings: Mapping[str, Any],
    wanted: WandbMode,
    print_line: Callable[[str], None],
) -> None:
    """Write a W&B run, in the search's group, for the result of a later command with these `settings`.

    A repeated command adds to the same run.
    """
    if (wanted := choose_wandb(wanted, os.environ, print_line)) == "off":
        return
    guard = wandb_guard(
        partial(_finding_run, finding, job, folder, search, settings),
        wanted,
        folder.path,
        continues=True,
        print_line=print_line,
    )
    guard.attempt(lambda run: run.found(finding))
    guard.close(lambda run: run.close())
    for line in unsent(folder.path):
        print_line(line)


def retraining_run(
    target: Path,
    search: SearchIdentity,
    *,
    search_name: str,
    tag: str,
    about: Mapping[str, Any],
    origin: Sequence[Path],
) -> Build[Any]:
    """A function that starts a run for a retraining into the folder `target`, in the search's group."""

    def build(mode: str, *, continues: bool) -> Any:
        from se_nas.tracking.wandb_afterwards import WandbRetraining
        from se_nas.tracking.wandb_run import start_run

        run = start_run(
            target,
            mode=mode,
            continues=continues,
            run_id=f"{search.run_id}-{target.name}",
            name=f"{search_name} {target.name}",
            group=search.run_id,
            job="retrain",
            tags=[tag],
            config={"search": search_name, "search run": search.run_id, **about},
        )
        return WandbRetraining(run, search=search.run_id, origin=origin, budget=search.budget)

    return build


@dataclass(frozen=True, slots=True)
class SearchOf:
    """The search from which a retrained network comes: the id and the name of its W&B run. The name is empty if the
    network no longer lies in its run folder."""

    run_id: str
    name: str = ""


def detection_run(target: Path, search: SearchOf, *, about: Mapping[str, Any]) -> Build[Any]:
    """A function that starts a run for the training of a detector into the folder `target`, in the search's group."""

    def build(mode: str, *, continues: bool) -> Any:
        from se_nas.tracking.wandb_afterwards import WandbDetection
        from se_nas.tracking.wandb_run import start_run

        what = f"{target.parent.name} {target.name}"
        run = start_run(
            target,
            mode=mode,
            continues=continues,
            run_id=f"{search.run_id}-{checksum(dict(about))[:16]}",
            name=f"{search.name} {what}".strip(),
            group=search.run_id,
            job="detect",
            tags=[str(about["detector"]), str(about["placement"])],
            config={"search": search.name, "search run": search.run_id, **about},
        )
        return WandbDetection(run)

    return build


def _finding_run(
    finding: Finding,
    job: Job,
    folder: RunFolder,
    search: SearchIdentity,
    settings: Mapping[str, Any],
    mode: str,
    *,
    continues: bool,
) -> Any:
    from se_nas.tracking.wandb_afterwards import WandbFinding
    from se_nas.tracking.wandb_run import start_run

    what = f"{finding.file.stem}-epochs-{finding.epochs}"
    run = start_run(
        folder.path,
        mode=mode,
        run_id=f"{search.run_id}-{what}",
        name=f"{folder.name} {what}",
        group=search.run_id,
        job=job,
        tags=search.tags,
        config={"search": folder.name, "search run": search.run_id, "epochs": finding.epochs, **settings},
        continues=continues,
    )
    return WandbFinding(run, search=search.run_id, origin=folder.front_files, budget=search.budget)


def _search_run(
    folder: RunFolder, search: SearchIdentity, mode: str, *, continues: bool, take_live_front: Callable[[], Any]
) -> Tracker:
    """A tracker that writes one run for the whole search."""
    from se_nas.tracking.wandb_run import start_run
    from se_nas.tracking.wandb_tracker import WandbTracker

    run = start_run(
        folder.path,
        mode=mode,
        run_id=search.run_id,
        name=folder.name,
        group=search.run_id,
        job="search",
        tags=search.tags,
        config=search.settings,
        continues=continues,
    )
    return WandbTracker(run, take_live_front=take_live_front)


def _trial_runs(folder: RunFolder, search: SearchIdentity, mode: str, *, continues: bool) -> Tracker:
    """A tracker that writes a run for each trial."""
    from se_nas.tracking.wandb_run import start_run
    from se_nas.tracking.wandb_tracker import WandbTrials

    def start(run_id: str, name: str, about: Mapping[str, Any]) -> Any:
        return start_run(
            folder.path,
            mode=mode,
            run_id=f"{search.run_id}-{run_id}",
            name=f"{folder.name} {name}",
            group=search.run_id,
            job="trial",
            tags=search.tags,
            config={**search.settings, **about},
            continues=continues,
        )

    return WandbTrials(start)


def _sync(folder: Path, runs: str = OFFLINE) -> str:
    return f"wandb sync {shlex.quote(str(folder))}/{runs}"

"""The runs of W&B that a search and its findings tell, behind a guard: online if that is wanted and works, else on
disk."""

import contextlib
import importlib
import os
import shlex
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from se_nas.commands.flags import Wandb
from se_nas.commands.wandb_choice import choose_wandb
from se_nas.runs.run_folder import RunFolder
from se_nas.runs.settings import SearchConfig
from se_nas.tracking.guarded import Guard, Teller
from se_nas.tracking.protocol import Finding, Tracker

OFFLINE = "wandb/offline-run-*"
"""Where W&B keeps what is not sent, below the folder that it writes to."""

Job = Literal["confirm", "ablate"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Build(Protocol[T_co]):
    """Starts a run in a mode of W&B's; `goes_on`: it adds to what an earlier run of its id has told."""

    def __call__(self, mode: str, *, goes_on: bool) -> T_co:
        """What tells the run."""


def import_for_wandb() -> None:
    """Import what a thread that tells W&B would else import beside this one: two threads that import at once meet
    half-imported modules. pandas is used by W&B's tables and by plotly, where it is installed."""
    for name in ("se_nas.tracking.wandb_afterwards", "se_nas.tracking.wandb_tracker", "requests"):
        importlib.import_module(name)
    with contextlib.suppress(ImportError):
        importlib.import_module("pandas")


def wandb_guard(
    build: Build[T], wanted: Wandb, folder: Path, *, goes_on: bool, tell: Callable[[str], None]
) -> Guard[T]:
    """Tells a run in the mode that is wanted, and one on disk below `folder` if that fails.

    The first goes on with an earlier run of its id; the one in its place does if there was one before (`goes_on`), and
    else takes the place of what the first has sent.
    """

    def first() -> T:
        from se_nas.tracking.wandb_run import resolve_mode

        return build(resolve_mode(wanted), goes_on=True)

    def end() -> None:
        from se_nas.tracking.wandb_run import end_service

        end_service()

    kept = f"from here it is told on disk; later: {_sync(folder)}"
    off = "it is off from here, and everything else goes on"
    return Guard(
        Teller(build=first, end=end, farewell=kept),
        Teller(build=lambda: build("offline", goes_on=goes_on), end=end, farewell=off),
        name="W&B",
        tell=tell,
        prepare=import_for_wandb,
    )


def unsent(folder: Path, runs: str = OFFLINE) -> list[str]:
    """How to send what W&B was told on disk, if any of the `runs` in `folder` (a pattern) was."""
    return [f"W&B       {_sync(folder, runs)}"] if any(folder.glob(runs)) else []


def search_runs(
    folder: RunFolder, config: SearchConfig, *, each_trial: bool, take_live_front: Callable[[], Any]
) -> Build[Tracker]:
    """The search's run, and with `each_trial` one for each trial as well; `take_live_front` is its tracker's."""

    def build(mode: str, *, goes_on: bool) -> Tracker:
        from se_nas.tracking.wandb_tracker import Both

        whole = _search_run(folder, config, mode, goes_on=goes_on, take_live_front=take_live_front)
        return Both(whole, _trial_runs(folder, config, mode, goes_on=goes_on)) if each_trial else whole

    return build


def tell_finding(
    finding: Finding,
    job: Job,
    folder: RunFolder,
    config: SearchConfig,
    *,
    settings: Mapping[str, Any],
    wanted: Wandb,
    tell: Callable[[str], None],
) -> None:
    """A run of its own, in the search's group, for what a confirmation or an ablation with these `settings` has found;
    found anew, it adds to the same run."""
    if (wanted := choose_wandb(wanted, os.environ, tell)) == "off":
        return
    guard = wandb_guard(
        partial(_finding_run, finding, job, folder, config, settings), wanted, folder.path, goes_on=True, tell=tell
    )
    guard.attempt(lambda run: run.found(finding))
    guard.close(lambda run: run.close())
    for line in unsent(folder.path):
        tell(line)


def _finding_run(
    finding: Finding,
    job: Job,
    folder: RunFolder,
    config: SearchConfig,
    settings: Mapping[str, Any],
    mode: str,
    *,
    goes_on: bool,
) -> Any:
    from se_nas.tracking.wandb_afterwards import WandbFinding
    from se_nas.tracking.wandb_run import start_run

    search, what = folder.path.resolve().name, f"{finding.file.stem}-epochs-{finding.epochs}"
    run = start_run(
        folder.path,
        mode=mode,
        run_id=f"{config.run_id}-{what}",
        name=f"{search} {what}",
        group=config.run_id,
        job=job,
        tags=_tags(config),
        config={"search": search, "search run": config.run_id, "epochs": finding.epochs, **settings},
        goes_on=goes_on,
    )
    return WandbFinding(run, search=config.run_id, origin=folder.front_files, budget=config.budget)


def _search_run(
    folder: RunFolder, config: SearchConfig, mode: str, *, goes_on: bool, take_live_front: Callable[[], Any]
) -> Tracker:
    """One run for the whole search."""
    from se_nas.tracking.wandb_run import start_run
    from se_nas.tracking.wandb_tracker import WandbTracker

    run = start_run(
        folder.path,
        mode=mode,
        run_id=config.run_id,
        name=folder.path.resolve().name,
        group=config.run_id,
        job="search",
        tags=_tags(config),
        config=_told(config),
        goes_on=goes_on,
    )
    return WandbTracker(run, take_live_front=take_live_front)


def _trial_runs(folder: RunFolder, config: SearchConfig, mode: str, *, goes_on: bool) -> Tracker:
    """A run for each trial."""
    from se_nas.tracking.wandb_run import start_run
    from se_nas.tracking.wandb_tracker import WandbTrials

    search = folder.path.resolve().name

    def start(run_id: str, name: str, about: Mapping[str, Any]) -> Any:
        return start_run(
            folder.path,
            mode=mode,
            run_id=f"{config.run_id}-{run_id}",
            name=f"{search} {name}",
            group=config.run_id,
            job="trial",
            tags=_tags(config),
            config=_told(config) | dict(about),
            goes_on=goes_on,
        )

    return WandbTrials(start)


def _sync(folder: Path, runs: str = OFFLINE) -> str:
    return f"wandb sync {shlex.quote(str(folder))}/{runs}"


def _tags(config: SearchConfig) -> list[str]:
    return [Path(config.space).stem, config.strategy, config.data_name]


def _told(config: SearchConfig) -> dict[str, Any]:
    """The settings without paths of this machine."""
    return config.model_dump() | {"data": config.data_name, "space": Path(config.space).name}

"""The Python interface: search, resume and read a run folder without a terminal. `se_nas` itself exports it."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from se_nas.analysis.tested_accuracy import Retrained
from se_nas.commands.retrain.flags import RetrainRequest
from se_nas.commands.retrain.retrain import retrain as retrain_networks
from se_nas.commands.run_loading import load_progress
from se_nas.commands.search.flags import SearchRequest
from se_nas.commands.search.search import resume_search, start_search
from se_nas.runs.retrained_files import load_retrained
from se_nas.runs.run_folder import RunFolder
from se_nas.searching.pareto import ROLES
from se_nas.searching.records import TrialRecord
from se_nas.space.architecture import Architecture

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A search from its run folder: every trial, the front in the order of FLOPs, and the networks picked by name."""

    path: Path
    records: tuple[TrialRecord, ...]
    front: tuple[TrialRecord, ...]
    picks: Mapping[str, TrialRecord]
    """The networks named `knee`, `best` and `cheapest`; empty while no network is trained in full."""

    def frame(self) -> "pandas.DataFrame":
        """The table of `trials.csv`: one row for each trial that has ended, with its decisions."""
        import pandas

        return pandas.read_csv(RunFolder(self.path).trials_csv, index_col="trial")

    def architecture(self, record: TrialRecord) -> Architecture:
        """The network of a trial. InputError if its file is damaged."""
        return RunFolder(self.path).load_network(record)


def search(request: SearchRequest, *, console: Console | None = None) -> Run | None:
    """Run a search, write its folder and load it; None if `request` is a dry run. Without `console` nothing is printed.

    InputError if the request is invalid, RunFailedError if no network could be trained.
    """
    path = start_search(request, console or _quiet())
    return None if path is None else load_run(path)


def resume(path: Path | str, request: SearchRequest | None = None, *, console: Console | None = None) -> Run:
    """Continue the search of a run folder and load it. `request` has the settings that differ, e.g. a larger budget.

    InputError if `request` contradicts the search, RunFailedError if no network could be trained.
    """
    resume_search(Path(path), replace(request or SearchRequest(), resume=Path(path)), console or _quiet())
    return load_run(path)


def retrain(request: RetrainRequest, *, console: Console | None = None) -> list[Retrained]:
    """Retrain networks of a search in full and test them; return all retrained networks of its run folder.

    InputError if the request is invalid. Without `console` nothing is printed.
    """
    retrain_networks(request, console or _quiet())
    return load_retrained(RunFolder.open(request.run_dir))[0]


def load_run(path: Path | str) -> Run:
    """Load the search of a run folder, which may still run. InputError if there is none at `path`."""
    folder = RunFolder.open(Path(path))
    _, progress = load_progress(folder)
    members = progress.front.members
    return Run(
        path=folder.path,
        records=tuple(progress.records),
        front=tuple(sorted(members, key=lambda member: (member.cost["flops"], member.number))),
        picks={name: pick(progress.front) for name, pick in ROLES.items()} if members else {},
    )


def _quiet() -> Console:
    return Console(file=io.StringIO(), force_jupyter=False)

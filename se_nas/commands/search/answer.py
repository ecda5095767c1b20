"""The answer of a search that has ended: its tables, its knee, its report, and the possible next commands."""

import shlex

from se_nas.analysis.lost_trials import loss_sentences
from se_nas.commands.reporting import write_report
from se_nas.commands.search.callbacks import Callbacks
from se_nas.commands.wandb_runs import unsent
from se_nas.errors import RunFailedError
from se_nas.files import write_yaml
from se_nas.process.invocation import invocation
from se_nas.runs.lock import in_turn
from se_nas.runs.run_folder import RunFolder
from se_nas.runs.settings import SearchConfig
from se_nas.space.design_space import DesignSpace
from se_nas.tracking.protocol import SearchOutcome


def write_tables(folder: RunFolder, callbacks: Callbacks) -> None:
    """Write `trials.csv` and `front.json`, also after a failure or a signal."""
    if not folder.config.exists():
        return  # the folder was removed or moved: do not make it again for its tables
    with in_turn(folder.path):
        folder.write_tables(callbacks.settled)


def write_answer(
    folder: RunFolder, config: SearchConfig, space: DesignSpace, callbacks: Callbacks, exhausted: str | None
) -> None:
    """Write the knee and the report, and notify the trackers. RunFailedError without a front."""
    progress = callbacks.settled
    if progress.front.members:
        write_yaml(folder.best, space.decode(progress.front.knee.assignment).to_dict())
    with in_turn(folder.path):
        report = write_report(folder, config, progress)
    if not progress.front.members:
        reasons = sorted({record.reason for record in progress.records if record.reason})
        raise RunFailedError(f"{folder.path}: no network was trained in full ({'; '.join(reasons[:3])})")
    run = shlex.quote(str(folder.path))
    notes = [
        *loss_sentences(progress.records),
        *report.lines,
        f"describe  {invocation('describe')} {run}:knee",
        f"confirm   {invocation('confirm')} {run}",
        f"ablate    {invocation('ablate')} {run}:knee",
        f"retrain   {invocation('retrain')} {run} --pick knee",
    ]
    notes += unsent(folder.path)
    if exhausted:
        notes.insert(0, f"The search ended early: {exhausted}.")
    callbacks.search_ended(
        progress,
        SearchOutcome(
            figures=report.figures,
            front_files=folder.front_files,
            best_files=(folder.best, folder.space),
            notes=tuple(notes),
        ),
    )

"""The answer of a search that has ended: its tables, its knee, its report, and the possible next commands."""

import shlex

from se_nas.analysis.lost_trials import loss_sentences
from se_nas.commands.flags import network_flag
from se_nas.commands.latency.front import is_measured_here, measure_front
from se_nas.commands.report.writing import write_report
from se_nas.commands.search.assembly import Search
from se_nas.commands.shared_weights.logged import logged
from se_nas.commands.wandb_runs import unsent
from se_nas.errors import RunFailedError
from se_nas.files import write_yaml
from se_nas.process.invocation import invocation
from se_nas.report.figures.supernet import supernet_figures
from se_nas.runs.latency_file import write_latencies
from se_nas.runs.lock import in_turn
from se_nas.tracking.protocol import SearchOutcome


def write_tables(search: Search) -> None:
    """Write `trials.csv` and `front.json`, also after a failure or a signal."""
    if not search.folder.config.exists():
        return  # the folder was removed or moved: do not make it again for its tables
    with in_turn(search.folder.path):
        search.folder.write_tables(search.settled)


def write_answer(search: Search) -> None:
    """Write the knee and the report, and notify the trackers. RunFailedError without a front."""
    folder, progress = search.folder, search.settled
    if progress.front.members:
        write_yaml(folder.best, search.plan.space.decode(progress.front.knee.assignment).to_dict())
    notes_on_latency = _measured_latency(search)
    with in_turn(folder.path):
        report = write_report(folder, search.plan.config, progress)
    if not progress.front.members:
        reasons = sorted({record.reason for record in progress.records if record.reason})
        raise RunFailedError(f"{folder.path}: no network was trained in full ({'; '.join(reasons[:3])})")
    run = shlex.quote(str(folder.path))
    code = network_flag(search.plan.request)
    notes = [
        *loss_sentences(progress.records),
        *report.lines,
        *notes_on_latency,
        f"describe  {invocation('describe')} {run}:knee{code}",
        f"confirm   {invocation('confirm')} {run}{code}",
        f"ablate    {invocation('ablate')} {run}:knee{code}",
        f"retrain   {invocation('retrain')} {run} --pick knee{code}",
    ]
    notes += unsent(folder.path)
    if search.loop.exhausted:
        notes.insert(0, f"The search ended early: {search.loop.exhausted}.")
    shared = logged(report.supernets, report.gates)
    drawn = (
        {}
        if report.page is None
        else {name: figure for account in report.supernets for name, figure in supernet_figures(account).items()}
    )
    search.callbacks.search_ended(
        progress,
        SearchOutcome(
            figures={**report.figures, **drawn},
            front_files=folder.front_files,
            best_files=(folder.best, folder.space),
            notes=tuple(notes),
            tables=shared.tables,
            summary=shared.summary,
        ),
    )


def _measured_latency(search: Search) -> list[str]:
    """Measure the latency of the front beside the prediction of the table, if this machine can. Lines that say so."""
    plan, folder, front = search.plan, search.folder, search.settled.front
    if plan.table is None or not front.members:
        return []
    if not is_measured_here(plan.table):
        again = f"{invocation('latency')} --run {shlex.quote(str(folder.path))}{network_flag(plan.request)}"
        return [f"latency   predicted for {plan.table.setting.title}; measure the front there with: {again}"]
    check = measure_front(front, plan.space, plan.table)
    write_latencies(folder, check)
    return [f"latency   the front measured: median error of the table {check.median_error:.1%}"]

"""Retrains networks of a search with a long recipe, tests each training exactly once, and prints an interval."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from rich.console import Console
from rich.table import Table

from se_nas.analysis.tested_accuracy import Retrained
from se_nas.commands.images import accept_images, load_searched_images
from se_nas.commands.preflight import cost_on
from se_nas.commands.report.writing import write_report
from se_nas.commands.retrain.baselines import baselines
from se_nas.commands.retrain.flags import RetrainRequest
from se_nas.commands.retrain.retraining import Contender, Retraining
from se_nas.commands.run_loading import load_progress, pick_trial
from se_nas.commands.wandb_runs import OFFLINE, unsent
from se_nas.data.image_data import ImageData
from se_nas.errors import InputError, WriteError
from se_nas.files import make_folder
from se_nas.process.invocation import invocation
from se_nas.runs.lock import in_turn, locked
from se_nas.runs.retrained_files import summarised
from se_nas.runs.run_folder import RunFolder
from se_nas.searching.progress import SearchProgress, progress_of
from se_nas.searching.records import TrialRecord
from se_nas.shipped_files import given_or_shipped
from se_nas.space.loading import load_design_space
from se_nas.tracking.console import plain_teller
from se_nas.training.distributed import joined
from se_nas.training.recipe_file import load_recipe
from se_nas.training.trained import FILE
from se_nas.wording import format_cost, se_glyphs


def retrain(request: RetrainRequest, console: Console) -> None:
    """Retrain the networks that `request` picks. A network tested before with the same settings is only printed."""
    folder = RunFolder.open(request.run_dir)
    config, progress = load_progress(folder)
    recipe = load_recipe(
        given_or_shipped(request.recipe, "recipes"), epochs=request.epochs, usual_epochs=5 * config.epochs
    )
    records = _picked(_within(progress, request.limits(), folder), request.pick, folder)
    data = load_searched_images(config, folder.path, accept_changed=request.accept_changed_images, console=console)
    contenders = [_of_trial(record, folder) for record in records]
    if request.baselines:
        contenders += _beside(records, folder, data)
    rows, targets = [], []
    with joined() as together:
        config = accept_images(folder, config, data, writes=together.is_first)
        tell = plain_teller(console) if together.is_first else _tell_nobody
        for contender in contenders:
            results = []
            for seed in range(request.seed, request.seed + request.seeds):
                retraining = Retraining(
                    folder=folder,
                    config=config,
                    contender=contender,
                    data=data,
                    recipe=recipe,
                    recipe_name=request.recipe.stem,
                    seed=seed,
                )
                result = together.agree(retraining.finished())
                if result is None:
                    with _alone_in(retraining.target) if together.is_first else nullcontext():
                        result = together.agree(retraining.finished())  # another command may have finished it
                        if result is None:
                            result = retraining.run(wandb=request.wandb, tell=tell, together=together)
                results.append(result)
                tell(f"weights   {retraining.target / FILE}")
                targets.append(retraining.target)
            rows.append(summarised(results))
        if together.is_first:
            with in_turn(folder.path):  # the search may have continued in the meantime
                problems = write_report(folder, *load_progress(folder)).problems
            for line in problems:
                tell(line)
            console.print(_table(rows))
            example = shlex.quote(str(targets[0]))
            tell(f"export    {invocation('export')} {example}")
            tell(f"predict   {invocation('predict')} {example} IMAGE ...")
            for line in unsent(folder.path, f"retrain/*/{OFFLINE}"):
                tell(line)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Lock the folder; InputError while another command retrains there, since the test images are used once."""
    try:
        make_folder(folder)
    except OSError as error:
        raise WriteError(f"{folder}: cannot be written ({error.strerror or error})") from None
    with locked(folder) as lock:
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)  # users pass this folder on


def _of_trial(record: TrialRecord, folder: RunFolder) -> Contender:
    return Contender(
        name=f"trial-{record.number:04d}",
        title=f"trial {record.number}",
        trial=record.number,
        architecture=folder.load_network(record),
        search_accuracy=record.accuracy,
        measured={name: record.cost[name] for name in ("latency",) if name in record.cost},
    )


def _beside(records: Sequence[TrialRecord], folder: RunFolder, data: ImageData) -> Iterator[Contender]:
    flops = [record.cost["flops"] for record in records]
    for name, architectures in baselines(load_design_space(folder.space), cost_on(data), flops):
        for record, architecture in zip(records, architectures, strict=True):
            yield Contender(
                name=f"{name.lower()}-beside-{record.number:04d}",
                title=f"{name} by {record.number}",
                trial=record.number,
                architecture=architecture,
                search_accuracy=None,
                measured={},
            )


def _within(progress: SearchProgress, limits: Mapping[str, float], folder: RunFolder) -> SearchProgress:
    """The search reduced to its networks within the limits; InputError if there are none."""
    if not limits:
        return progress
    records = [
        record
        for record in progress.records
        if all(name in record.cost and record.cost[name] <= most for name, most in limits.items())
    ]
    for name in limits:
        if not any(name in record.cost for record in progress.records):
            raise InputError(f"--max-{name} {limits[name]:g}: the search in {folder.path} did not measure {name}")
    kept = progress_of(records, progress.objectives, progress.reference, progress.budget, progress.front.expected)
    if not kept.front.members:
        asked = ", ".join(f"--max-{name} {most:g}" for name, most in limits.items())
        costs = [member.cost for member in progress.front.members]
        least = ", ".join(
            f"{format_cost(name, min(cost[name] for cost in costs))} {name}"
            for name in limits
            if all(name in cost for cost in costs) and costs
        )
        raise InputError(f"{folder.path}: no trained network keeps {asked}; the front begins at {least or 'none'}")
    return kept


def _picked(progress: SearchProgress, pick: str, folder: RunFolder) -> tuple[TrialRecord, ...]:
    if pick == "front" and progress.front.members:
        return progress.front.members
    return (pick_trial(progress, "knee" if pick == "front" else pick, folder, also=("front",)),)


def _table(rows: Sequence[Retrained]) -> Table:
    """A table with a row for each network: its cost, and its test accuracy over the seeds."""
    images = rows[0].counts[0][1]
    costs = [name for name in ("flops", "params", "latency") if name in rows[0].cost]
    table = Table(title=f"Test accuracy on {images:,} images", title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("network", overflow="fold")
    for name in (*costs, "validation", "test", "95 %", "seeds"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("SE", no_wrap=True)
    for row in rows:
        tested = row.tested
        table.add_row(
            row.network,
            *(format_cost(name, row.cost[name]) if name in row.cost else "" for name in costs),
            f"{100 * row.validation_accuracy:.2f} %",
            f"{100 * tested.mean:.2f} %",
            f"{100 * tested.low:.1f}-{100 * tested.high:.1f}",
            str(len(row.counts)),
            se_glyphs(row.se),
        )
    return table


def _tell_nobody(_line: str) -> None:
    """Print nothing: only the first process prints."""

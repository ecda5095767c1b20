"""Trains a front again on fresh seeds, with more seeds where they help, and measures how sure each member is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from se_nas.analysis.confirmation import ConfirmedFront
from se_nas.analysis.front_belief import Measured
from se_nas.analysis.largest_class import LargestClass
from se_nas.analysis.networks_to_confirm import near_front, overlooked
from se_nas.commands.confirm.flags import ConfirmRequest
from se_nas.commands.confirm.plan import ConfirmationPlan
from se_nas.commands.flags import spelled
from se_nas.commands.images import load_searched_images
from se_nas.commands.own_network import allow_network
from se_nas.commands.pretraining import weights_path
from se_nas.commands.replications.plan import accuracies_of
from se_nas.commands.replications.replicate import replicate
from se_nas.commands.report.writing import write_report
from se_nas.commands.run_loading import load_progress
from se_nas.commands.wandb_runs import log_finding
from se_nas.costs import format_cost
from se_nas.data.image_data import ImageData
from se_nas.errors import InputError, RunFailedError
from se_nas.models.own_network import NetworkSource
from se_nas.objective_metric import ACCURACY
from se_nas.report.figures.certainty import confirmed_figure
from se_nas.report.sentences import confirmed_sentence, left_out_sentences, trials
from se_nas.runs.confirmation_file import load_confirmation, write_confirmation
from se_nas.runs.lock import in_turn, locked
from se_nas.runs.run_folder import RunFolder
from se_nas.searching.progress import SearchProgress
from se_nas.searching.records import TrialStatus
from se_nas.tracking.console import line_printer
from se_nas.tracking.protocol import Finding
from se_nas.training.recipe import Recipe
from se_nas.wording import counted, se_glyphs

LEAST_NETWORKS = 6


@dataclass(frozen=True, slots=True)
class Searched:
    """The search whose front is confirmed: its folder, trials, recipe and images.

    `images_changed`: the images have changed since the search began. `pretrained` is the file of the weights that
    networks start with, if there is one.
    """

    folder: RunFolder
    progress: SearchProgress
    recipe: Recipe
    data: ImageData
    images_changed: bool
    pretrained: Path | None
    network: NetworkSource | None


def confirm(request: ConfirmRequest, console: Console) -> None:
    """Confirm the front of a run folder; write `confirm.json`, and write the report again."""
    folder = RunFolder.open(request.run_dir)
    with locked(folder.path):
        _confirm(folder, request, console)


def _confirm(folder: RunFolder, request: ConfirmRequest, console: Console) -> None:
    network = allow_network(request.own_network, folder)
    config, progress = load_progress(folder)
    searched = Searched(
        folder=folder,
        progress=progress,
        recipe=config.trial_recipe(),
        data=load_searched_images(config, folder.path, console=console),
        images_changed=bool(config.earlier_images),
        pretrained=weights_path(folder, config),
        network=network,
    )
    print_line = line_printer(console)
    front, failed = _until_nobody_is_overlooked(searched, request, console)
    replaced = _replaced(folder, progress, front.epochs)
    write_confirmation(folder, front)
    with in_turn(folder.path):
        report = write_report(folder, config, progress)
    console.print(_table(front))
    largest = LargestClass.of(searched.data.inventory(), "validation")
    print_line(largest.sentence(front.metric))
    for line in [*replaced, *left_out_sentences(front), *failed, confirmed_sentence(front, progress)]:
        print_line(line)
    for line in report.lines:
        print_line(line)
    finding = _finding(front, folder, draw=report.page is not None)
    settings = {"seeds": request.seeds, **largest.setting}
    log_finding(
        finding, "confirm", folder, config.identity, settings=settings, wanted=request.wandb, print_line=print_line
    )


def _finding(front: ConfirmedFront, folder: RunFolder, *, draw: bool) -> Finding:
    """The result for W&B. If the figure cannot be drawn, it is left out."""
    return Finding(
        epochs=front.epochs,
        figures={"front on fresh seeds": confirmed_figure(front)} if draw else {},
        summary={
            "networks": len(front.networks),
            "surely on the front": sum(one.verdict.is_surely_on_front for one in front.networks),
            "surely not on it": sum(one.verdict.is_surely_off_front for one in front.networks),
            "deviation": front.belief.deviation if front.belief.freedom else None,
        },
        file=folder.confirmation,
    )


def _until_nobody_is_overlooked(
    searched: Searched, request: ConfirmRequest, console: Console
) -> tuple[ConfirmedFront, list[str]]:
    """Train the front and the networks near it again, then networks whose rivals have fallen back, up to --networks.

    Also returns a line for each network whose trainings all failed.
    """
    progress = searched.progress
    most = request.networks or max(2 * len(progress.front), LEAST_NETWORKS)
    measured = _measured(searched.folder, progress)
    members = [member.number for member in progress.front.members]
    chosen = near_front(measured, members, images=len(searched.data.validation), most=most)
    while True:
        front, failed = _trained_again(chosen, searched, request, console)
        once = {number: one for number, one in measured.items() if number not in chosen}
        left = overlooked(once, front.belief.networks) if front.epochs == searched.recipe.epochs else []
        more = left[: max(0, most - len(chosen))]
        if not more:
            return replace(front, left_out=tuple(left)), failed
        line_printer(console)(f"{trials(more)}: above what their rivals reach on fresh seeds, so trained again too")
        chosen = [*chosen, *more]


def _trained_again(
    chosen: Sequence[int], searched: Searched, request: ConfirmRequest, console: Console
) -> tuple[ConfirmedFront, list[str]]:
    """Train these trials again on fresh seeds. Also returns a line for each trial whose trainings all failed."""
    folder, costs = searched.folder, searched.progress.objectives.costs
    of_number = {record.number: record for record in searched.progress.records}
    records = {number: of_number[number] for number in chosen}
    names = {number: f"trial {number}" for number in chosen}
    predicted = {number: searched.progress.front.accuracy(record) for number, record in records.items()}
    recipe = searched.recipe if request.epochs is None else replace(searched.recipe, epochs=request.epochs)
    outcomes = replicate(
        ConfirmationPlan(
            {names[number]: record.values(costs) for number, record in records.items()},
            seeds=request.seeds,
            most=request.most_seeds or 3 * request.seeds,
            predicted={names[number]: accuracy for number, accuracy in predicted.items()},
        ),
        {names[number]: folder.load_network(record) for number, record in records.items()},
        folder=folder,
        data=searched.data,
        images_changed=searched.images_changed,
        pretrained=searched.pretrained,
        metric=searched.progress.objectives.metric,
        network=searched.network,
        recipe=recipe,
        machines=request,
        again=spelled(request, "confirm", str(folder.path)),
        console=console,
    )
    accuracies = {number: accuracies_of(outcomes, name) for number, name in names.items()}
    trained = {number: by_seed for number, by_seed in accuracies.items() if by_seed}
    if not trained:
        raise RunFailedError(f"{folder.path}: every training of the confirmation failed")
    front = ConfirmedFront.of(
        trained, records, costs, epochs=recipe.epochs, predicted=predicted, metric=searched.progress.objectives.metric
    )
    lost = sorted(records.keys() - trained)
    return front, [f"trial {number}: every training of the confirmation failed" for number in lost]


def _replaced(folder: RunFolder, progress: SearchProgress, epochs: int) -> list[str]:
    """A line if an earlier confirmation is replaced because it is damaged or has other epochs; trainings are kept."""
    try:
        before = load_confirmation(folder, progress)
    except InputError:
        return [f"{folder.confirmation}: was damaged and is written again"]
    if before is None or before.epochs == epochs:
        return []
    return [
        f"{folder.confirmation}: replaces the one for {counted(before.epochs, 'epoch')}, whose trainings are "
        f"kept: --epochs {before.epochs} restores it"
    ]


def _measured(folder: RunFolder, progress: SearchProgress) -> dict[int, Measured]:
    """The result of each network that the search trained in full, by trial; InputError if there is none."""
    if not progress.front.members:
        raise InputError(f"{folder.path}: no network is trained in full yet, so there is no front to confirm")
    return {
        record.number: Measured(costs=record.values(progress.objectives.costs), accuracies=(record.curve[-1],))
        for record in progress.records
        if record.status is TrialStatus.COMPLETE
    }


def _table(front: ConfirmedFront) -> Table:
    members = {one.record.number for one in front.members}
    table = Table(box=None, padding=(0, 1, 0, 0), title="Confirmed on fresh seeds", title_justify="left")
    name = front.metric.label
    table.caption, table.caption_justify = f"bold: the front of the expected {_values(front)}", "left"
    accuracies = (f"{name}\nin search", "mean of\nseeds", f"expected\n{name}", "95 %\ninterval")
    for column in ("trial", *front.costs, *accuracies, "seeds", "probability\non the\nfront"):
        table.add_column(column, justify="right")
    table.add_column("SE by\nstage")
    for one in front.networks:
        verdict = one.verdict
        table.add_row(
            str(one.record.number),
            *(format_cost(name, one.record.cost[name]) for name in front.costs),
            f"{one.record.accuracy:.4f}",
            *verdict.texts,
            str(len(one.accuracies)),
            f"{verdict.on_front:.2f}",
            se_glyphs(one.record.se),
            style="bold" if one.record.number in members else "",
        )
    return table


def _values(front: ConfirmedFront) -> str:
    """What the networks of the front have, in the plural."""
    return "accuracies" if front.metric is ACCURACY else f"values of {front.metric.label}"

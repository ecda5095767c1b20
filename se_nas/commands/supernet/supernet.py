"""Trains the supernet of a network of a search, reads all placements of SE from it, and says how far to trust them."""

import shlex
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from se_nas.analysis.largest_class import LargestClass
from se_nas.analysis.supernet_account import SupernetAccount
from se_nas.commands.flags import network_flag, spelled
from se_nas.commands.images import load_searched_images
from se_nas.commands.known_latency import kept_table
from se_nas.commands.own_network import allow_network
from se_nas.commands.preflight import cost_on
from se_nas.commands.pretraining import kept_weights, with_weights
from se_nas.commands.report.writing import write_report
from se_nas.commands.run_loading import find_folder, load_progress
from se_nas.commands.shared_weights.logged import logged
from se_nas.commands.shared_weights.supernet_task import SupernetTask
from se_nas.commands.shared_weights.trained_alone import networks_of_trials, trained_alone
from se_nas.commands.supernet.flags import SupernetRequest
from se_nas.commands.supernet.new_folder import in_own_folder
from se_nas.commands.supernet.table import effects_table, interaction_lines, placements_table, unknown_lines
from se_nas.commands.supernet.trunks import Trunk, named_trunks
from se_nas.commands.wandb_runs import log_finding
from se_nas.process.invocation import invocation
from se_nas.process.last_words import resumable
from se_nas.report.figures.supernet import supernet_figures
from se_nas.runs.lock import in_turn, locked
from se_nas.runs.run_folder import RunFolder
from se_nas.searching.progress import SearchProgress
from se_nas.space.files.loading import load_stored_space
from se_nas.tracking.console import line_printer
from se_nas.tracking.protocol import Finding
from se_nas.training.devices.device import pick_device, prepare
from se_nas.training.supernet.placement_draws import Draw
from se_nas.wording import counted, format_duration

PASSES = {Draw.SANDWICH: "four placements a step", Draw.ONE: "one placement a step"}


def supernet(request: SupernetRequest, console: Console) -> None:
    """Train and read the supernet of each trunk that the request names, and write `supernet.json` beside the search."""
    if request.target is None:
        request = in_own_folder(request, console)
    named = str(request.target)
    folder, pick = (RunFolder.open(Path(named)), "") if Path(named).is_dir() else find_folder(named)
    with locked(folder.path):
        _supernets(request, folder, pick, console)


def _supernets(request: SupernetRequest, folder: RunFolder, pick: str, console: Console) -> None:
    allow_network(request.own_network, folder)
    config, progress = load_progress(folder)
    pretrained = kept_weights(folder, config)
    space = with_weights(load_stored_space(folder.space), pretrained)
    print_line = line_printer(console)
    trunks = named_trunks(space, folder, progress, pick, print_line)
    data = load_searched_images(config, folder.path, console=console)
    recipe = config.trial_recipe(request.epochs)
    seed = config.seed if request.seed is None else request.seed
    device = pick_device()
    prepare(device)
    cost_of = cost_on(data, kept_table(folder, config))
    tasks = [
        SupernetTask(
            folder=folder.path,
            name=trunk.name,
            board=trunk.board,
            data=data,
            recipe=recipe,
            draw=Draw(request.draw),
            seed=seed,
            device=device,
            pretrained=pretrained,
            metric=config.metric,
            cost_of=cost_of,
            print_line=print_line,
            cure="add --again to train anew, or remove the file",
        )
        for trunk in trunks
    ]
    for task in tasks:
        if request.again and not task.is_begun:
            task.forget()
        task.known()  # refuses a file of another supernet before it trains
    again = spelled(replace(request, target=None, again=False), "supernet", str(request.target))
    with resumable(f"everything finished is kept; continue with: {again}"):
        for trunk, task in zip(trunks, tasks, strict=True):
            _supernet(trunk, task, request, folder, progress, console)
    with in_turn(folder.path):
        report = write_report(folder, config, progress)
    for line in report.lines:
        print_line(line)
    files = {task.scores_file.name: task for task in tasks}
    largest = LargestClass.of(data.inventory(), "validation")
    for account in report.supernets:
        if account.file in files:
            log_finding(
                _finding(account, files[account.file], draw=report.page is not None),
                "supernet",
                folder,
                config.identity,
                settings={"draw": request.draw, "seed": seed, **largest.setting},
                wanted=request.wandb,
                print_line=print_line,
            )


def _finding(account: SupernetAccount, task: SupernetTask, *, draw: bool) -> Finding:
    """The result for W&B. If the page cannot be drawn, its figures are left out."""
    found = logged([account], None)
    return Finding(
        epochs=task.recipe.epochs,
        figures=supernet_figures(account) if draw else {},
        summary=found.summary,
        file=task.scores_file,
        tables=found.tables,
    )


def _supernet(
    trunk: Trunk,
    task: SupernetTask,
    request: SupernetRequest,
    folder: RunFolder,
    progress: SearchProgress,
    console: Console,
) -> None:
    """Train and read one supernet, write its file, and print what it says."""
    board, print_line = task.board, task.print_line
    print_line(
        f"supernet  {counted(len(board.switches), 'switch', 'switches')}, {counted(board.count, 'placement')}, "
        f"{counted(task.recipe.epochs, 'epoch')}, {PASSES[task.draw]}; writing {task.scores_file}"
    )
    for note in board.notes:
        print_line(f"note      {note}")
    trainer = task.trained()
    networks = networks_of_trials(folder, progress, board, print_line)
    first = [found for each in networks if (found := board.placement_of(each)) is not None]
    scores = task.read(trainer, first, request.read)
    read = {each.fingerprint for each in scores.placements}
    alone = trained_alone(folder, progress, read, task.metric, print_line)
    trust = scores.trust(alone.accuracies)
    task.write(scores, trust=trust)
    if scores.option_effects():
        console.print(effects_table(scores))
    for line in unknown_lines(scores):
        print_line(line)
    console.print(placements_table(scores, task.metric))
    print_line(LargestClass.of(task.data.inventory(), "validation").sentence(task.metric))
    for line in interaction_lines(scores):
        print_line(line)
    if trust is not None:
        print_line(f"trust     {trust.verdict} Trained alone: {alone.source}.")
    else:
        print_line(
            "trust     unknown: fewer than 6 of these placements were trained alone. The ranking is a guess, not an "
            "answer."
        )
    seconds = task.about["seconds"]
    print_line(
        f"time      {format_duration(seconds['training'])} to train, {format_duration(seconds['reading'])} to read"
    )
    run = shlex.quote(str(folder.path))
    if progress.front.members:
        print_line(f"ablate    {invocation('ablate')} {run}:{trunk.pick}{network_flag(request)}")
    else:
        print_line(f"search    {invocation('search')} --resume {run}{network_flag(request)}")

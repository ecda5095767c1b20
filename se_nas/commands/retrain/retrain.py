"""Retrains networks of a search with a long recipe, tests each training exactly once, and prints an interval."""

import shlex
from collections.abc import Callable, Sequence
from contextlib import nullcontext

from rich.console import Console
from rich.table import Table

from se_nas.analysis.largest_class import LargestClass
from se_nas.analysis.tested_accuracy import Retrained
from se_nas.commands.flags import WandbMode, network_flag
from se_nas.commands.images import accept_images, load_all_images, load_searched_images
from se_nas.commands.known_latency import kept_table
from se_nas.commands.own_network import allow_network
from se_nas.commands.pretraining import kept_weights
from se_nas.commands.report.writing import write_report
from se_nas.commands.retrain.contenders import chosen_contenders, latency_lines_of
from se_nas.commands.retrain.flags import RetrainRequest
from se_nas.commands.retrain.retraining import train_and_test
from se_nas.commands.retrain.task import RetrainingTask
from se_nas.commands.run_loading import load_progress
from se_nas.commands.wandb_runs import OFFLINE, unsent
from se_nas.costs import format_cost, short_table_names
from se_nas.data.decoding import Decoding
from se_nas.process.invocation import invocation
from se_nas.runs.lock import alone_in, in_turn
from se_nas.runs.retrained_files import RetrainedResult, summarised
from se_nas.runs.run_folder import RunFolder
from se_nas.shipped_files import given_or_shipped
from se_nas.tracking.console import line_printer
from se_nas.training.distributed import ProcessGroup, joined
from se_nas.training.recipe_file import load_recipe
from se_nas.training.trained import FILE
from se_nas.wording import se_glyphs


def retrain(request: RetrainRequest, console: Console) -> None:
    """Retrain the networks that `request` picks. A network tested before with the same settings is only printed."""
    folder = RunFolder.open(request.run_dir)
    allow_network(request.own_network, folder)
    config, progress = load_progress(folder)
    recipe = load_recipe(
        given_or_shipped(request.recipe, "recipes"), epochs=request.epochs, usual_epochs=5 * config.epochs
    )
    searched = load_searched_images(config, folder.path, accept_changed=request.accept_changed_images, console=console)
    data = load_all_images(config, folder.path, searched=searched, console=console)
    portion = None if config.portion.is_all else (len(searched.train), len(searched.validation))
    pretrained = kept_weights(folder, config)
    table = kept_table(folder, config)
    contenders = chosen_contenders(progress, folder, data, request, pretrained, table)
    rows, targets = [], []
    with joined() as group:
        config = accept_images(folder, config, searched, writes=group.is_first)
        print_line = line_printer(console) if group.is_first else print_nothing
        for contender in contenders:
            tasks = [
                RetrainingTask(
                    folder=folder,
                    search=config.identity,
                    contender=contender,
                    data=data,
                    begun_on=config.images,
                    images_changed=bool(config.earlier_images),
                    recipe=recipe,
                    recipe_name=request.recipe.stem,
                    seed=seed,
                    pretrained=pretrained,
                    portion=portion,
                    metric=config.metric,
                    decoding=Decoding(config.decoding),
                )
                for seed in range(request.seed, request.seed + request.seeds)
            ]
            results = []
            for task in tasks:
                results.append(_result_of(task, wandb=request.wandb, print_line=print_line, group=group))
                print_line(f"weights   {task.target / FILE}")
                targets.append(task.target)
            rows.append(summarised(results))
        if group.is_first:
            with in_turn(folder.path):  # the search may have continued in the meantime
                problems = write_report(folder, *load_progress(folder)).problems
            for line in problems:
                print_line(line)
            console.print(_table(rows))
            for line in latency_lines_of(contenders, table):
                print_line(line)
            print_line(LargestClass.of(data.inventory(), "test").sentence())
            example, code = shlex.quote(str(targets[0])), network_flag(request)
            print_line(f"export    {invocation('export')} {example}{code}")
            print_line(f"predict   {invocation('predict')} {example} IMAGE ...{code}")
            for line in unsent(folder.path, f"retrain/*/{OFFLINE}"):
                print_line(line)


def _result_of(
    task: RetrainingTask, *, wandb: WandbMode, print_line: Callable[[str], None], group: ProcessGroup
) -> RetrainedResult:
    """The result of a task, which is trained and tested unless that was done before."""
    result = group.agree(task.finished())
    if result is None:
        with alone_in(task.target) if group.is_first else nullcontext():
            result = group.agree(task.finished())  # another command may have finished it
            if result is None:
                result = train_and_test(task, wandb=wandb, print_line=print_line, group=group)
    return result


def _table(rows: Sequence[Retrained]) -> Table:
    """A table with a row for each network: its cost, and its test accuracy over the seeds."""
    images = rows[0].counts[0][1]
    costs = [name for name in short_table_names() if name in rows[0].cost]
    table = Table(title=f"Test accuracy on {images:,} images", title_justify="left", box=None, padding=(0, 2, 0, 0))
    others = dict.fromkeys(row.metric.label for row in rows if row.test_score is not None)
    table.add_column("network", overflow="fold")
    for name in (*costs, "validation", "test", "95 %", *others, "seeds"):
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
            *("" if row.test_score is None else f"{100 * row.test_score:.2f} %" for _ in others),
            str(len(row.counts)),
            se_glyphs(row.se),
        )
    return table


def print_nothing(_line: str) -> None:
    """Print nothing: only the first process prints."""

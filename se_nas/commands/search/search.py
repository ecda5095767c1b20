"""A search from its settings to its run folder; and the same search resumed."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from se_nas.checksums import checksum_of_bytes
from se_nas.commands.executors import build_executor, executor_lines
from se_nas.commands.images import load_searched_images, settings_on
from se_nas.commands.known_latency import kept_table, latency_lines, uncovered_lines
from se_nas.commands.own_network import allow_network
from se_nas.commands.preflight import (
    DrawnNetworks,
    cost_on,
    describe_space,
    draw_networks,
    hypervolume_reference,
    where_images_are,
)
from se_nas.commands.pretraining import choose_weights, described, kept_weights, with_weights
from se_nas.commands.search.answer import write_answer, write_tables
from se_nas.commands.search.assembly import (
    Search,
    SearchPlan,
    measured_costs,
    open_search,
    open_trials,
    saying_how_to_resume,
)
from se_nas.commands.search.conditions import conditions_of
from se_nas.commands.search.flags import SearchRequest
from se_nas.commands.search.guidance import check_guided
from se_nas.commands.search.latency import choose_table
from se_nas.commands.search.recovery import take_over_finished
from se_nas.commands.search.space import open_space
from se_nas.data.decoding import Decoding
from se_nas.data.image_data import ImageData
from se_nas.errors import InputError, at_the_end
from se_nas.execution.protocol import Executor
from se_nas.files import write_atomically
from se_nas.machine.limits import describe_limits, this_host
from se_nas.objective_metric import parse_metric
from se_nas.process.last_resort import due
from se_nas.runs.images_file import short_lines, write_inventory
from se_nas.runs.lock import locked
from se_nas.runs.new_run import new_run_folder
from se_nas.runs.run_folder import RunFolder
from se_nas.runs.settings import SearchConfig, check_same, load_config, write_config
from se_nas.searching.objectives import Objectives, parse_objectives
from se_nas.searching.propose.strategies import STRATEGIES
from se_nas.space.design_space import DesignSpace
from se_nas.space.files.loading import load_stored_space
from se_nas.tracking.console import line_printer
from se_nas.wording import as_folder_name, counted, suggest

Work = Callable[[Search], None]


def start_search(request: SearchRequest, console: Console, *, work: Work | None = None) -> Path | None:
    """Run a search in a new run folder, and return the folder. With `dry_run`, only print what would be searched.

    With `work`, it is done instead of the search. `resume_search` continues with the search.
    """
    metric = parse_metric(request.value("objective_metric"))
    objectives = parse_objectives(request.value("objectives"), metric=metric)
    strategy = request.value("strategy")
    if strategy not in STRATEGIES:
        raise InputError(f"--strategy {strategy}: no such strategy; {suggest(strategy, STRATEGIES)}")
    request.check_gate_loss()
    recipe = request.trial_recipe
    source = with_absolute_path(request.value("data"))
    searched = open_space(request, source, console)
    data = searched.data
    pretrained = choose_weights(request.weights, searched.space) if request.weights else None
    space = with_weights(searched.space, pretrained)
    check_guided(strategy, space)
    chosen = choose_table(request, objectives, space, data, console)
    table, objectives = (None, objectives) if chosen is None else (chosen.table, chosen.objectives)
    drawn = draw_networks(space, data, cost_on(data, table))
    for line in uncovered_lines(drawn):
        line_printer(console)(line)
    if request.dry_run:
        trials = f"{_trainings(request.value('budget'), recipe.epochs)}; nothing was trained"
        for line in [*describe_space(space, data, drawn), *latency_lines(table), f"search  {trials}"]:
            line_printer(console)(line)
        return None
    executor = _build_executor(request, space, data, drawn, objectives)
    config = SearchConfig(
        space=searched.path,
        space_seal=checksum_of_bytes(searched.content),
        data=source,
        budget=request.value("budget"),
        epochs=recipe.epochs,
        strategy=strategy,
        objectives=objectives.text,
        versions=conditions_of(request, executor),
        seed=request.value("seed"),
        image_size=data.image_size,
        classes=data.classes,
        images=data.fingerprint(),
        reference=hypervolume_reference(objectives, space, data, drawn),
        equal_cost=request.value("equal_cost"),
        skip_bad_images=request.skip_bad_images,
        weights=request.weights or "",
        recipe=recipe.changes,
        fraction=request.portion.fraction,
        training_images=request.images,
        cache="" if request.cache is None else str(request.cache.absolute()),
        latency_table="" if chosen is None else checksum_of_bytes(chosen.content),
        objective_metric=metric.value,
        resizes_images=request.image_size is not None,
        gate_loss=request.value("gate_loss"),
        decoding=Decoding.SCALED.value,
    )
    plan = SearchPlan(
        config=config,
        space=space,
        data=data,
        executor=executor,
        request=request,
        pretrained=pretrained,
        network=searched.network,
        table=table,
    )
    name = f"{space.name}-{as_folder_name(data.name)}-{time.strftime('%Y%m%d-%H%M%S')}"
    with new_run_folder(request.run, Path("runs") / name) as path:
        folder = RunFolder(path)
        write_atomically(folder.space, searched.content)
        if searched.network is not None:
            write_atomically(folder.network, searched.network.text)
        if pretrained is not None:
            pretrained.write(folder.pretrained)
        if chosen is not None:
            write_atomically(folder.latency_table, chosen.content)
        write_config(folder, config)
        with (
            saying_how_to_resume(folder, request),
            open_trials(folder, plan, console) as kept,
            open_search(folder, plan, kept, console, guided=work is None) as search,
        ):
            (work or _run)(search)
    return path


def resume_search(path: Path, request: SearchRequest, console: Console) -> None:
    """Continue the search in `path`: finished trials stay, interrupted trials are repeated, then new trials follow."""
    folder = RunFolder.open(path)
    network = allow_network(request.own_network, folder)
    with locked(path):
        config = load_config(folder)
        for name in ("epochs", "strategy", "gate_loss", "objectives", "objective_metric", "seed"):
            check_same(name, getattr(request, name), getattr(config, name), path)
        config = config.model_copy(update=_changes(request))
        pretrained = kept_weights(folder, config)
        space = with_weights(load_stored_space(folder.space), pretrained)
        data = load_searched_images(config, path, accept_changed=request.accept_changed_images, console=console)
        config = settings_on(data, config)
        table = kept_table(folder, config)
        drawn = draw_networks(space, data, cost_on(data, table))
        executor = _build_executor(request, space, data, drawn, config.parsed_objectives)
        plan = SearchPlan(
            config=config,
            space=space,
            data=data,
            executor=executor,
            request=request,
            pretrained=pretrained,
            network=network,
            table=table,
        )
        with (
            open_trials(folder, plan, console) as kept,  # only a study that can be opened can be resumed
            saying_how_to_resume(folder, request),
            open_search(folder, plan, kept, console) as search,
        ):
            _run(search)


def _changes(request: SearchRequest) -> dict[str, Any]:
    """The settings of a search that may change when it is resumed, as far as the request names them."""
    given = {
        "budget": request.budget,
        "equal_cost": request.equal_cost,
        "data": request.data and with_absolute_path(request.data),  # the same images may lie elsewhere now
        "cache": request.cache and str(request.cache.absolute()),
        "skip_bad_images": request.skip_bad_images or None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _build_executor(
    request: SearchRequest, space: DesignSpace, data: ImageData, drawn: DrawnNetworks, objectives: Objectives
) -> Executor:
    measures_costs = bool(measured_costs(objectives, space))
    return build_executor(request, data, drawn.costs, measures_costs=measures_costs, epoch_seconds=request.epoch_limit)


def _run(search: Search) -> None:
    """Train until the budget is used, and write the answer."""
    take_over_finished(search.loop, search.folder, search.plan.config.epochs, search.print_line)
    write_config(search.folder, search.plan.config)
    write_inventory(search.folder, search.plan.data.inventory())
    tables = partial(write_tables, search)
    with due(tables), at_the_end(tables):
        if not search.loop.is_over:
            for line in _opening(search):
                search.print_line(line)
            search.plan.executor.run(search.loop, search.evaluation, search.print_line)
    write_answer(search)


def _opening(search: Search) -> Iterator[str]:
    """The lines before the first trial: what is searched, on which images, and where it trains."""
    config, space, data = search.plan.config, search.plan.space, search.plan.data
    yield (
        f"{_trainings(config.budget, config.epochs)}, {config.strategy} for {','.join(search.plan.objectives.names)}, "
        f"{space.size()} networks in space '{space.name}'; writing {search.folder.path}"
    )
    yield f"images    {where_images_are(data)}"
    yield from latency_lines(search.plan.table)
    if search.plan.pretrained is not None:
        yield described(search.plan.pretrained, classes=data.classes)
    yield from short_lines(data.inventory())
    yield from executor_lines(search.plan.executor)
    if limits := describe_limits(this_host()):
        yield f"limits    {limits}"


def _trainings(budget: int, epochs: int) -> str:
    return f"{counted(budget, 'trial')} of {counted(epochs, 'epoch')}"


def with_absolute_path(source: str) -> str:
    """`npz:PATH` with its path made absolute, so that a run can be resumed from anywhere."""
    kind, colon, path = source.partition(":")
    try:
        return f"{kind}:{Path(path).expanduser().absolute()}" if colon and path else source
    except RuntimeError as error:
        raise InputError(f"--data {source}: {error}") from None

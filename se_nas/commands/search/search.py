"""A search from its settings to its run folder; and the same search resumed."""

import contextlib
import os
import shlex
import time
from functools import partial
from pathlib import Path

from rich.console import Console

from se_nas.checksums import checksum_of_bytes
from se_nas.commands.images import going_on_with, load_searched_images, open_images
from se_nas.commands.preflight import cost_on, describe_survey, hypervolume_reference, survey_space, where_images_are
from se_nas.commands.search.answer import write_answer, write_tables
from se_nas.commands.search.assembly import build_executor, build_search_strategy, build_trackers
from se_nas.commands.search.callbacks import Callbacks
from se_nas.commands.search.conditions import conditions_of, trained_under
from se_nas.commands.search.evaluation import TrialEvaluation
from se_nas.commands.search.recovery import take_over_finished
from se_nas.commands.search.request import DEFAULT_SPACE, SearchRequest
from se_nas.data.image_data import ImageData
from se_nas.errors import InputError, at_the_end
from se_nas.execution.protocol import Executor
from se_nas.files import write_atomically
from se_nas.machine.limits import describe_limits, this_host
from se_nas.machine.shared_memory import check_shared_memory
from se_nas.process.invocation import invocation
from se_nas.process.last_resort import due
from se_nas.process.last_words import resumable
from se_nas.runs.images_file import short_lines, write_inventory
from se_nas.runs.lock import locked
from se_nas.runs.new_run import new_run_folder
from se_nas.runs.run_folder import RunFolder
from se_nas.runs.settings import SearchConfig, check_same, load_config, write_config
from se_nas.searching.loop import SearchLoop
from se_nas.searching.objectives import parse_objectives
from se_nas.searching.propose.strategies import STRATEGIES
from se_nas.searching.stop.pruning import FrontPruner
from se_nas.searching.study.busy_file import BusyFile
from se_nas.searching.study.study import SearchStudy
from se_nas.shipped_files import given_or_shipped
from se_nas.space.design_space import DesignSpace
from se_nas.space.loading import load_design_space
from se_nas.tracking.console import plain_teller
from se_nas.training.recipe import Recipe
from se_nas.wording import as_folder_name, counted, suggest


def start_search(request: SearchRequest, console: Console) -> Path | None:
    """Run a search in a new run folder, and return the folder. With `dry_run`, only print what would be searched."""
    objectives = parse_objectives(request.value("objectives"))
    strategy = request.value("strategy")
    if strategy not in STRATEGIES:
        raise InputError(f"--strategy {strategy}: no such strategy; {suggest(strategy, STRATEGIES)}")
    space_file = given_or_shipped(request.space or DEFAULT_SPACE, "search_spaces")
    space = load_design_space(space_file)
    space_content = space_file.read_bytes()
    source = _with_absolute_path(request.value("data"))
    data = open_images(source, image_size=space.image_size, skip_bad=request.skip_bad_images, console=console)
    survey = survey_space(space, data, cost_on(data))
    if request.dry_run:
        trials = f"{_trainings(request.value('budget'), request.value('epochs'))}; nothing was trained"
        for line in [*describe_survey(space, data, survey), f"search  {trials}"]:
            plain_teller(console)(line)
        return None
    executor = build_executor(
        request, data, survey.costs, measures_latency="latency" in objectives.costs, epoch_seconds=request.epoch_limit
    )
    config = SearchConfig(
        space=os.path.relpath(space_file),
        space_seal=checksum_of_bytes(space_content),
        data=source,
        budget=request.value("budget"),
        epochs=request.value("epochs"),
        strategy=strategy,
        objectives=",".join(objectives.names),
        versions=conditions_of(request, executor),
        seed=request.value("seed"),
        image_size=data.image_size,
        classes=data.classes,
        images=data.fingerprint(),
        reference=hypervolume_reference(objectives, space, data, survey),
        skip_bad_images=request.skip_bad_images,
    )
    name = f"{space.name}-{as_folder_name(data.name)}-{time.strftime('%Y%m%d-%H%M%S')}"
    with new_run_folder(request.run, Path("runs") / name) as path:
        folder = RunFolder(path)
        write_atomically(folder.space, space_content)
        write_config(folder, config)
        with _resumable(folder):
            _run(folder, config, space, data, executor, request, console)
    return path


def resume_search(path: Path, request: SearchRequest, console: Console) -> None:
    """Continue the search in `path`: finished trials stay, interrupted trials are repeated, then new trials follow."""
    folder = RunFolder.open(path)
    with locked(path):
        config = load_config(folder)
        for name in ("epochs", "strategy", "objectives", "seed"):
            check_same(name, getattr(request, name), getattr(config, name), path)
        if request.data is not None:  # the same images may lie elsewhere now
            config = config.model_copy(update={"data": _with_absolute_path(request.data)})
        if request.budget is not None:
            config = config.model_copy(update={"budget": request.budget})
        space = load_design_space(folder.space)
        if request.skip_bad_images:
            config = config.model_copy(update={"skip_bad_images": True})
        data = load_searched_images(config, path, accept_changed=request.accept_changed_images, console=console)
        config = going_on_with(data, config)
        survey = survey_space(space, data, cost_on(data))
        executor = build_executor(
            request,
            data,
            survey.costs,
            measures_latency="latency" in parse_objectives(config.objectives).costs,
            epoch_seconds=request.epoch_limit,
        )
        _run(folder, config, space, data, executor, request, console)


def _run(
    folder: RunFolder,
    config: SearchConfig,
    space: DesignSpace,
    data: ImageData,
    executor: Executor,
    request: SearchRequest,
    console: Console,
) -> None:
    objectives = parse_objectives(config.objectives)
    study = SearchStudy(folder.study, objectives, space.decisions, file=BusyFile(folder.study, plain_teller(console)))
    with at_the_end(study.close):
        loop = SearchLoop(
            space=space,
            cost_of=cost_on(data),
            strategy=build_search_strategy(config, space, objectives, cost_on(data)),
            study=study,
            pruner=FrontPruner(costs=objectives.costs, epochs=config.epochs),
            budget=config.budget,
            epochs=config.epochs,
            seed=config.seed,
        )
        begun = len(loop.records)
        if config.budget < begun:
            raise InputError(
                f"--budget {config.budget}: the search in {folder.path} already has {counted(begun, 'trial')}"
            )
        with _resumable(folder):
            _go_on(folder, config, space, data, executor, request, console, loop)


def _go_on(
    folder: RunFolder,
    config: SearchConfig,
    space: DesignSpace,
    data: ImageData,
    executor: Executor,
    request: SearchRequest,
    console: Console,
    loop: SearchLoop,
) -> None:
    """Train until the budget is used, and write the answer."""
    objectives, tell = parse_objectives(config.objectives), plain_teller(console)
    before = config
    if not loop.is_over:
        is_first = not any(record.curve for record in loop.records.values())
        config = trained_under(config, conditions_of(request, executor), tell, is_first=is_first)
    with contextlib.ExitStack() as stack:
        trackers = build_trackers(folder, config, request, console)
        for tracker in trackers:
            stack.enter_context(at_the_end(tracker.close))
        callbacks = Callbacks(
            folder=folder,
            space=space,
            config=config,
            objectives=objectives,
            records=loop.records,
            trackers=trackers,
        )
        loop.listener = callbacks
        take_over_finished(loop, folder, config.epochs, tell)
        write_config(folder, before)
        loop.on_first_report = partial(write_config, folder, config)
        write_inventory(folder, data.inventory())
        evaluation = TrialEvaluation(
            results=RunFolder(folder.path.absolute()),
            train=data.train,
            validation=data.validation,
            mirrored=data.mirrored,
            classes=data.classes,
            recipe=Recipe(epochs=config.epochs),
            with_latency="latency" in objectives.costs,
            use_gpu=request.gpus_per_trial != 0,
            loaders=executor.processors,
            images=data.training_fingerprints()[0] if config.earlier_images else "",
        )
        if request.address is None:
            check_shared_memory(executor.workers * evaluation.shared_bytes)
        tables = partial(write_tables, folder, callbacks)
        with due(tables), at_the_end(tables):
            if not loop.is_over:
                tell(_opening(folder, config, space))
                tell(f"images    {where_images_are(data)}")
                for line in short_lines(data.inventory()):
                    tell(line)
                tell(f"training  {executor.description}")
                if executor.cluster is not None:
                    tell(f"cluster   {executor.cluster}")
                if limits := describe_limits(this_host()):
                    tell(f"limits    {limits}")
                executor.run(loop, evaluation, tell)
        write_answer(folder, config, space, callbacks, loop.exhausted)


def _resumable(folder: RunFolder) -> contextlib.AbstractContextManager[None]:
    """If an error or a signal ends the body, its last line says how to resume."""

    def removed() -> str | None:
        return None if folder.config.exists() else f"{folder.path} was removed or moved while the search wrote there"

    again = f"{invocation('search')} --resume {shlex.quote(str(folder.path))}"
    return resumable(f"everything finished is kept; go on with: {again}", instead=removed)


def _opening(folder: RunFolder, config: SearchConfig, space: DesignSpace) -> str:
    return (
        f"{_trainings(config.budget, config.epochs)}, {config.strategy} for {config.objectives}, "
        f"{space.size()} networks in space '{space.name}'; writing {folder.path}"
    )


def _trainings(budget: int, epochs: int) -> str:
    return f"{counted(budget, 'trial')} of {counted(epochs, 'epoch')}"


def _with_absolute_path(source: str) -> str:
    """`npz:PATH` with its path made absolute, so that a run can be resumed from anywhere."""
    kind, colon, path = source.partition(":")
    try:
        return f"{kind}:{Path(path).expanduser().absolute()}" if colon and path else source
    except RuntimeError as error:
        raise InputError(f"--data {source}: {error}") from None

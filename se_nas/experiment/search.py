"""A search from its settings to its run folder; and the same search resumed."""

import contextlib
import os
import shlex
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Console

from se_nas.errors import InputError, RunFailedError
from se_nas.execution.protocol import Executor
from se_nas.experiment.assembly import build_executor, build_search_strategy, build_trackers
from se_nas.experiment.broadcast import Broadcast
from se_nas.experiment.config import SearchConfig, check_same, load_config, running_versions, write_config
from se_nas.experiment.cut_off import take_over_finished
from se_nas.experiment.evaluation import TrialEvaluation
from se_nas.experiment.images import load_searched_images
from se_nas.experiment.lock import locked
from se_nas.experiment.reporting import write_report
from se_nas.experiment.request import DEFAULT_SPACE, SearchRequest
from se_nas.experiment.run_folder import RunFolder
from se_nas.experiment.survey import cost_on, describe_survey, hypervolume_reference, survey_space, where_images_are
from se_nas.experiment.wandb_runs import unsent
from se_nas.files import write_yaml
from se_nas.limits import describe_limits, this_host
from se_nas.seals import seal_bytes
from se_nas.search.busy_file import BusyFile
from se_nas.search.campaign import Campaign
from se_nas.search.objectives import parse_objectives
from se_nas.search.pruning import FrontPruner
from se_nas.search.strategies import STRATEGIES
from se_nas.search.study import SearchStudy
from se_nas.space.design_space import DesignSpace
from se_nas.space.loading import load_design_space
from se_nas.tracking.console import plain_teller
from se_nas.tracking.protocol import SearchOutcome
from se_nas.training.data import ImageData
from se_nas.training.device import device_name, pick_device
from se_nas.training.recipe import Recipe
from se_nas.training.sources import load_data
from se_nas.wording import as_folder_name, counted, suggest


def start_search(request: SearchRequest, console: Console) -> Path | None:
    """Begin a search in a new run folder, which is returned, or with `dry_run` only say what it would be."""
    objectives = parse_objectives(request.value("objectives"))
    strategy = request.value("strategy")
    if strategy not in STRATEGIES:
        raise InputError(f"--strategy {strategy}: no such strategy; {suggest(strategy, STRATEGIES)}")
    space_file = request.space or DEFAULT_SPACE
    space = load_design_space(space_file)
    source = _with_absolute_path(request.value("data"))
    data = load_data(source, image_size=space.image_size)
    survey = survey_space(space, data, cost_on(data))
    if request.dry_run:
        trials = f"{_trainings(request.value('budget'), request.value('epochs'))}; nothing was trained"
        for line in [*describe_survey(space, data, survey), f"search  {trials}"]:
            plain_teller(console)(line)
        return None
    executor = build_executor(
        request, data, survey.costs, measures_latency="latency" in objectives.costs, epoch_seconds=request.epoch_limit
    )
    run = request.run or Path("runs") / f"{space.name}-{as_folder_name(data.name)}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder = RunFolder.create(run)
    shutil.copyfile(space_file, folder.space)
    config = SearchConfig(
        space=os.path.relpath(space_file),
        space_seal=seal_bytes(folder.space.read_bytes()),
        data=source,
        budget=request.value("budget"),
        epochs=request.value("epochs"),
        strategy=strategy,
        objectives=",".join(objectives.names),
        versions=_conditions(request, executor),
        seed=request.value("seed"),
        image_size=data.image_size,
        classes=data.classes,
        images=data.fingerprint(),
        reference=hypervolume_reference(objectives, space, data, survey),
    )
    write_config(folder, config)
    _run(folder, config, space, data, executor, request, console)
    return folder.path


def resume_search(path: Path, request: SearchRequest, console: Console) -> None:
    """Go on with the search in `path`: what is finished stays, what was cut off is repeated, then come new trials."""
    folder = RunFolder.open(path)
    config = load_config(folder)
    for name in ("epochs", "strategy", "objectives", "seed"):
        check_same(name, getattr(request, name), getattr(config, name), path)
    if request.data is not None:  # the same images may lie elsewhere now
        config = config.model_copy(update={"data": _with_absolute_path(request.data)})
    if request.budget is not None:
        config = config.model_copy(update={"budget": request.budget})
    space = load_design_space(folder.space)
    data = load_searched_images(config, path)
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
    tell = plain_teller(console)
    with locked(folder.path), contextlib.ExitStack() as stack:
        study = SearchStudy(folder.study, objectives, space.decisions, file=BusyFile(folder.study, tell))
        stack.callback(study.close)
        campaign = Campaign(
            space=space,
            cost_of=cost_on(data),
            strategy=build_search_strategy(config, space, objectives, cost_on(data)),
            study=study,
            pruner=FrontPruner(costs=objectives.costs, epochs=config.epochs),
            budget=config.budget,
            epochs=config.epochs,
            seed=config.seed,
        )
        begun = len(campaign.records)
        if config.budget < begun:
            raise InputError(
                f"--budget {config.budget}: the search in {folder.path} already has {counted(begun, 'trial')}"
            )
        if not campaign.is_over:
            config = _going_on(config, _conditions(request, executor), tell)
        trackers = build_trackers(folder, config, request, console)
        for tracker in trackers:
            stack.callback(tracker.close)
        broadcast = Broadcast(
            folder=folder,
            space=space,
            config=config,
            objectives=objectives,
            records=campaign.records,
            trackers=trackers,
        )
        campaign.listener = broadcast
        take_over_finished(campaign, folder, config.epochs, tell)
        write_config(folder, config)
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
        )
        try:
            if not campaign.is_over:
                tell(_opening(folder, config, space))
                tell(f"images    {where_images_are(data)}")
                tell(f"training  {executor.description}")
                if executor.cluster is not None:
                    tell(f"cluster   {executor.cluster}")
                if limits := describe_limits(this_host()):
                    tell(f"limits    {limits}")
                executor.run(campaign, evaluation)
        except BaseException as error:  # ctrl-C and SIGTERM too
            again = f"python launch/search.py --resume {shlex.quote(str(folder.path))}"
            error.add_note(f"everything finished is kept; go on with: {again}")
            raise
        finally:
            folder.write_tables(broadcast.progress)
        _finish(folder, config, space, broadcast, campaign.exhausted)


def _finish(
    folder: RunFolder, config: SearchConfig, space: DesignSpace, broadcast: Broadcast, exhausted: str | None
) -> None:
    """Write the answer down and tell it."""
    progress = broadcast.progress
    if progress.front.members:
        write_yaml(folder.best, space.decode(progress.front.knee.assignment).to_dict())
    report = write_report(folder, config, progress)
    if not progress.front.members:
        reasons = sorted({record.reason for record in progress.records if record.reason})
        raise RunFailedError(f"{folder.path}: no network was trained in full ({'; '.join(reasons[:3])})")
    run = shlex.quote(str(folder.path))
    notes = [
        *report.lines,
        f"describe  python launch/describe.py {run}:knee",
        f"confirm   python launch/confirm.py {run}",
        f"ablate    python launch/ablate.py {run}:knee",
        f"retrain   python launch/retrain.py {run} --pick knee",
    ]
    notes += unsent(folder.path)
    if exhausted:
        notes.insert(0, f"The search ended early: {exhausted}.")
    broadcast.search_ended(
        SearchOutcome(
            figures=report.figures,
            front_files=folder.front_files,
            best_files=(folder.best, folder.space),
            notes=tuple(notes),
        )
    )


def _conditions(request: SearchRequest, executor: Executor) -> dict[str, str]:
    """Versions, and who trains: what the results depend on beside the settings."""
    where = (
        f"a cluster at {request.address}"
        if request.address
        else device_name(pick_device(use_gpu=request.gpus_per_trial != 0))
    )
    return {**running_versions(), "device": f"{where}, {executor.description}"}


def _going_on(config: SearchConfig, conditions: Mapping[str, str], tell: Callable[[str], None]) -> SearchConfig:
    """The settings with the conditions that hold from here on; a change is told."""
    going_on = config.going_on_with(conditions)
    if changed := [f"{name} {text}" for name, text in going_on.versions.items() if text != config.versions[name]]:
        tell(f"versions  {'; '.join(changed)}: what is trained from here on may differ by what changed in between")
    return going_on


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

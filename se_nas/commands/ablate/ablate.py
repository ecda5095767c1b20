"""Does the placement matter? Trains a network's trunk with SE in many combinations of places, on equal seeds, and
estimates the gain of each place from all of these trainings."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace

from rich.console import Console

from se_nas.analysis.ablation import Ablation
from se_nas.analysis.largest_class import LargestClass
from se_nas.commands.ablate.announcement import Forecast, confirmed_deviation, design_lines, seconds_of_training
from se_nas.commands.ablate.experiment import Arm, Experiment, plan_experiment
from se_nas.commands.ablate.factors import find_factors
from se_nas.commands.ablate.findings import Costs, make_ablation
from se_nas.commands.ablate.flags import AblateRequest
from se_nas.commands.ablate.plan import FEWEST_SEEDS, ExperimentPlan
from se_nas.commands.ablate.table import effects_table, placements_table
from se_nas.commands.ablate.table_latency import latency_lines_of_places
from se_nas.commands.flags import spelled
from se_nas.commands.images import load_searched_images
from se_nas.commands.known_latency import kept_table
from se_nas.commands.own_network import allow_network
from se_nas.commands.preflight import cost_on
from se_nas.commands.pretraining import kept_weights, unchanged_at_start, weights_path
from se_nas.commands.replications.plan import Key
from se_nas.commands.replications.replicate import replicate
from se_nas.commands.report.writing import write_report
from se_nas.commands.run_loading import find_folder, find_trial
from se_nas.commands.wandb_runs import log_finding
from se_nas.costs import COSTS, measured_among
from se_nas.data.image_data import ImageData
from se_nas.errors import InputError, RunFailedError
from se_nas.report.ablation_texts import ablation_sentences
from se_nas.report.figures.certainty import ablation_figure, placements_figure
from se_nas.runs.ablation_file import write_ablation
from se_nas.runs.lock import in_turn, locked
from se_nas.runs.run_folder import RunFolder
from se_nas.space.files.loading import load_stored_space
from se_nas.tracking.console import line_printer
from se_nas.tracking.protocol import Finding
from se_nas.training.devices.device import pick_device, prepare
from se_nas.training.measurements import measured_in_turn
from se_nas.training.trainer import build_initial_model
from se_nas.wording import counted, se_glyphs

SEEDS, SEEDS_OF_LARGE, LARGE = 5, 2, 16
MOST_TRAININGS = 500
MOST_MEASURED = 32
"""The number of networks whose measured costs are taken. The first 32 points of a design are a design too, for up to
16 places; more places need twice as many networks as places."""


def ablate(request: AblateRequest, console: Console) -> None:
    """Ablate one network of a run folder; write `ablate-TRIAL.json`, and write the report again."""
    folder, _ = find_folder(request.network)
    with locked(folder.path):
        _ablate(request, console)


def _ablate(request: AblateRequest, console: Console) -> None:
    folder, config, progress, record = find_trial(request.network)
    network = allow_network(request.own_network, folder)
    factors = find_factors(folder.load_network(record), load_stored_space(folder.space), request.factors)
    pretrained = kept_weights(folder, config)
    table = kept_table(folder, config)
    experiment = plan_experiment(factors, lambda each: unchanged_at_start(each, pretrained))
    seeds, most = _size_of(experiment, request)
    data = load_searched_images(config, folder.path, console=console)
    epochs = config.epochs if request.epochs is None else request.epochs
    print_line = line_printer(console)
    for line in design_lines(experiment):
        print_line(line)
    until = None if request.until is None else request.until / 100
    forecast = Forecast(
        experiment=experiment,
        planned=min(most, seeds * experiment.size) if until is None else most,
        until=until,
        deviation=confirmed_deviation(folder),
        seconds=seconds_of_training(progress.records, trial=record.number, epochs=epochs),
    )
    networks = {name: arm.network for name, arm in experiment.arms.items()}
    outcomes = replicate(
        ExperimentPlan(experiment, seeds=seeds, until=until, most=most, report=print_line),
        networks,
        folder=folder,
        data=data,
        images_changed=bool(config.earlier_images),
        pretrained=weights_path(folder, config),
        metric=config.metric,
        network=network,
        recipe=config.trial_recipe(epochs),
        machines=request,
        again=spelled(request, "ablate", f"{folder.path}:{record.number}"),
        console=console,
        announce=forecast.lines,
    )
    accuracies = {key: accuracy for key, accuracy in outcomes.items() if accuracy is not None}
    costs = _costs(experiment, data, use_gpu=request.gpus_per_trial != 0)
    found = _result(experiment, accuracies, costs, folder, trial=record.number, epochs=epochs)
    ablation = replace(found, metric=config.metric)
    write_ablation(folder, ablation, networks=networks, accuracies=accuracies, costs=_medians(costs))
    with in_turn(folder.path):
        report = write_report(folder, config, progress)
    title = f"What SE is worth in trial {record.number}: {se_glyphs(record.se)}"
    console.print(effects_table(ablation, title=title, width=console.width))
    console.print(placements_table(ablation, width=console.width))
    largest = LargestClass.of(data.inventory(), "validation")
    print_line(largest.sentence(config.metric))
    for line in [*_lost(experiment, accuracies, outcomes), *ablation_sentences(ablation)]:
        print_line(line)
    for line in [*latency_lines_of_places(ablation, experiment, data, table), *report.lines]:
        print_line(line)
    finding = _finding(ablation, folder, draw=report.page is not None)
    settings = {"seeds": seeds, "until": request.until, "factors": request.factors, "trial": record.number}
    settings |= largest.setting
    log_finding(
        finding, "ablate", folder, config.identity, settings=settings, wanted=request.wandb, print_line=print_line
    )


def _size_of(experiment: Experiment, request: AblateRequest) -> tuple[int, int]:
    """The number of seeds, and the most trainings. InputError if these are too few for an estimate."""
    seeds = request.seeds or (SEEDS if experiment.size <= LARGE else SEEDS_OF_LARGE)
    least = FEWEST_SEEDS * experiment.size
    unlimited = seeds * experiment.size if request.until is None else max(MOST_TRAININGS, least)
    most = request.most_trainings or unlimited
    if most < least:
        raise InputError(
            f"--most-trainings {most}: must be at least {least}, because the experiment has "
            f"{counted(experiment.size, 'network')} and needs each on {FEWEST_SEEDS} seeds"
        )
    return seeds, most


def _result(
    experiment: Experiment,
    accuracies: Mapping[Key, float],
    costs: Costs,
    folder: RunFolder,
    *,
    trial: int,
    epochs: int,
) -> Ablation:
    """The result; RunFailedError if the trainings suffice for none."""
    try:
        return make_ablation(experiment, accuracies, costs, trial=trial, epochs=epochs)
    except ValueError as error:
        raise RunFailedError(f"{folder.path}: too many trainings failed: {error}") from None


def _lost(experiment: Experiment, accuracies: Mapping[Key, float], outcomes: Mapping[Key, float | None]) -> list[str]:
    """A line for each network none of whose trainings succeeded."""
    trained = {name for name, _ in accuracies}
    tried = {name for name, _ in outcomes}
    return [
        f"SE {name}: none of its trainings succeeded; results that need them are left out"
        for name in experiment.arms
        if name in tried - trained
    ]


def _costs(experiment: Experiment, data: ImageData, *, use_gpu: bool) -> Costs:
    """The counted costs of all networks, and the measured costs of the first placements on this device."""
    counted_of = cost_on(data)
    every = [*experiment.placements, *experiment.variants.values()]
    of_each = {arm.name: counted_of(arm.network) for arm in every}
    names = next(iter(of_each.values()))
    costs: dict[str, dict[str, Sequence[float]]] = {
        cost: {name: [float(own[cost])] for name, own in of_each.items()} for cost in names
    }
    enough = max(MOST_MEASURED, 2 * experiment.design.factors)
    return costs | _measured(experiment.placements[: experiment.size][:enough], data, use_gpu=use_gpu)


def _measured(arms: Sequence[Arm], data: ImageData, *, use_gpu: bool) -> dict[str, dict[str, Sequence[float]]]:
    """Every measured cost of these networks on this device, measured in turn. All have the image size of the first."""
    device, image_size = pick_device(use_gpu=use_gpu), arms[0].network.image_size or data.image_size
    prepare(device)
    models = [build_initial_model(arm.network, num_classes=data.classes, seed=0).to(device) for arm in arms]
    found = measured_in_turn(measured_among(COSTS), models, image_size=image_size, device=device)
    return {cost: {arm.name: own for arm, own in zip(arms, values, strict=True)} for cost, values in found.items()}


def _medians(costs: Costs) -> dict[str, dict[str, float]]:
    """The costs of each network, by its name and the name of the cost."""
    medians: dict[str, dict[str, float]] = {}
    for cost, values in costs.items():
        for name, own in values.items():
            medians.setdefault(name, {})[cost] = statistics.median(own)
    return medians


def _finding(ablation: Ablation, folder: RunFolder, *, draw: bool) -> Finding:
    """The result for W&B. If the figures cannot be drawn, they are left out."""
    figures = {}
    if draw:
        figures = {"what SE is worth": ablation_figure(ablation), "placements": placements_figure(ablation)}
    summary: dict[str, object] = {
        f"SE {effect.label}": {"points": 100 * effect.gain.mean, "half width": 100 * effect.gain.half_width}
        for effect in ablation.effects
    }
    if ablation.experiment is not None:
        best = ablation.experiment.best
        summary |= {
            "trainings": ablation.experiment.trainings,
            "deviation, points": 100 * ablation.experiment.deviation,
            "best placement": best.name,
            "probability of the best placement": best.best,
        }
    return Finding(epochs=ablation.epochs, figures=figures, summary=summary, file=folder.ablation(ablation.trial))

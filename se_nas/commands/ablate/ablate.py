"""Does the placement matter? Trains a network's trunk with SE nowhere, everywhere as published, as found and with each
stage switched, on equal seeds."""

import statistics
from collections.abc import Mapping, Sequence
from itertools import accumulate

from rich.console import Console
from rich.table import Table

from se_nas.analysis.paired import Ablation, Effect, Extra, PairedAccuracies
from se_nas.commands.ablate.contrasts import Contrast, plan_ablation
from se_nas.commands.ablate.flags import AblateRequest
from se_nas.commands.flags import spelled
from se_nas.commands.images import load_searched_images
from se_nas.commands.own_network import allow_network
from se_nas.commands.preflight import cost_on
from se_nas.commands.pretraining import kept_weights, unchanged_at_start, weights_path
from se_nas.commands.replications.plan import EverySeed, accuracies_of
from se_nas.commands.replications.replicate import replicate
from se_nas.commands.report.writing import write_report
from se_nas.commands.run_loading import find_folder, find_trial
from se_nas.commands.wandb_runs import log_finding
from se_nas.costs import COSTS, measured_among, short_table_names
from se_nas.data.image_data import ImageData
from se_nas.errors import RunFailedError
from se_nas.report.figures.certainty import ablation_figure
from se_nas.report.sentences import ablation_sentences, gain_cells, gain_columns
from se_nas.runs.ablation_file import write_ablation
from se_nas.runs.lock import in_turn, locked
from se_nas.runs.run_folder import RunFolder
from se_nas.space.architecture import Architecture
from se_nas.tracking.console import line_printer
from se_nas.tracking.protocol import Finding
from se_nas.training.devices.device import pick_device, prepare
from se_nas.training.measurements import measured_in_turn
from se_nas.training.trainer import build_initial_model
from se_nas.wording import se_glyphs

Measured = Mapping[str, Mapping[str, Sequence[float]]]
"""The measured values of costs: by cost, then by network."""


def ablate(request: AblateRequest, console: Console) -> None:
    """Ablate one network of a run folder; write `ablate-TRIAL.json`, and write the report again."""
    folder, _ = find_folder(request.network)
    with locked(folder.path):
        _ablate(request, console)


def _ablate(request: AblateRequest, console: Console) -> None:
    folder, config, progress, record = find_trial(request.network)
    network = allow_network(request.own_network, folder)
    networks, contrasts = plan_ablation(folder.load_network(record))
    pretrained = kept_weights(folder, config)
    networks = {name: unchanged_at_start(network, pretrained) for name, network in networks.items()}
    data = load_searched_images(config, folder.path, console=console)
    epochs = config.epochs if request.epochs is None else request.epochs
    outcomes = replicate(
        EverySeed(tuple(networks), request.seeds),
        networks,
        folder=folder,
        data=data,
        images_changed=bool(config.earlier_images),
        pretrained=weights_path(folder, config),
        network=network,
        recipe=config.trial_recipe(epochs),
        machines=request,
        again=spelled(request, "ablate", f"{folder.path}:{record.number}"),
        console=console,
    )
    accuracies = {name: accuracies_of(outcomes, name) for name in networks}
    lost = [name for name, by_seed in accuracies.items() if len(by_seed) < 2]
    accuracies = {name: by_seed for name, by_seed in accuracies.items() if name not in lost}
    contrasts, paired = _compared(contrasts, accuracies, folder)
    trained = {name: networks[name] for name in accuracies}
    counted = cost_on(data)
    measured = _measured(trained, data, use_gpu=request.gpus_per_trial != 0)
    costs = {
        name: {**counted(architecture), **{cost: statistics.median(values[name]) for cost, values in measured.items()}}
        for name, architecture in trained.items()
    }
    ablation = Ablation(
        trial=record.number,
        epochs=epochs,
        effects=tuple(_effect(contrast, paired, costs, measured, among=len(contrasts)) for contrast in contrasts),
    )
    write_ablation(folder, ablation, networks=trained, accuracies=accuracies, costs=costs)
    with in_turn(folder.path):
        report = write_report(folder, config, progress)
    title = f"What SE is worth in trial {record.number}: {se_glyphs(record.se)}"
    console.print(_table(ablation, title=title, width=console.width))
    print_line = line_printer(console)
    left_out = [f"SE {name}: left out, because fewer than two of its trainings succeeded" for name in lost]
    for line in [*left_out, *ablation_sentences(ablation), *report.lines]:
        print_line(line)
    finding = _finding(ablation, folder, draw=report.page is not None)
    settings = {"seeds": request.seeds, "trial": record.number}
    log_finding(
        finding, "ablate", folder, config.identity, settings=settings, wanted=request.wandb, print_line=print_line
    )


def _compared(
    contrasts: Sequence[Contrast], accuracies: Mapping[str, Mapping[int, float]], folder: RunFolder
) -> tuple[list[Contrast], PairedAccuracies]:
    """The contrasts whose networks were both trained, and the paired accuracies. RunFailedError if there are none."""
    kept = [each for each in contrasts if {each.with_se, each.without} <= accuracies.keys()]
    try:
        paired = PairedAccuracies(accuracies)
    except ValueError as error:
        raise RunFailedError(f"{folder.path}: too many trainings failed: {error}") from None
    if not kept:
        raise RunFailedError(f"{folder.path}: too many trainings failed: no two networks can be compared")
    return kept, paired


def _finding(ablation: Ablation, folder: RunFolder, *, draw: bool) -> Finding:
    """The result for W&B. If the figure cannot be drawn, it is left out."""
    return Finding(
        epochs=ablation.epochs,
        figures={"what SE is worth": ablation_figure(ablation)} if draw else {},
        summary={
            f"SE {effect.label}": {"points": 100 * effect.gain.mean, "half width": 100 * effect.gain.half_width}
            for effect in ablation.effects
        },
        file=folder.ablation(ablation.trial),
    )


def _measured(networks: Mapping[str, Architecture], data: ImageData, *, use_gpu: bool) -> Measured:
    """Every measured cost of each network on this device, measured in turn. All have the image size of the first."""
    device, image_size = pick_device(use_gpu=use_gpu), next(iter(networks.values())).image_size or data.image_size
    prepare(device)
    models = [build_initial_model(each, num_classes=data.classes, seed=0).to(device) for each in networks.values()]
    found = measured_in_turn(measured_among(COSTS), models, image_size=image_size, device=device)
    return {cost: dict(zip(networks, values, strict=True)) for cost, values in found.items()}


def _effect(
    contrast: Contrast,
    paired: PairedAccuracies,
    costs: Mapping[str, Mapping[str, float]],
    measured: Measured,
    *,
    among: int,
) -> Effect:
    with_se, without = costs[contrast.with_se], costs[contrast.without]
    counted = [name for name in short_table_names() if name not in measured]
    return Effect(
        where=contrast.where,
        over=contrast.over,
        gain=paired.gain(contrast.with_se, contrast.without, among=among),
        added={
            **{name: Extra.counted(with_se[name] - without[name]) for name in counted},
            **{name: Extra.measured(of[contrast.with_se], of[contrast.without]) for name, of in measured.items()},
        },
    )


def _table(ablation: Ablation, *, title: str, width: int) -> Table:
    """A table of the columns that fit. If some do not fit, a line below refers to the report."""
    rows = [[effect.label, *gain_cells(effect, ablation)] for effect in ablation.effects]
    columns = ("SE", *gain_columns(ablation))
    needed = [max(map(len, (*name.splitlines(), *cells))) + 1 for name, *cells in zip(columns, *rows, strict=True)]
    shown = max(2, sum(total <= width for total in accumulate(needed)))
    more = "the report also has the cost of SE, and the gain per cost" if shown < len(columns) else None
    table = Table(
        box=None, padding=(0, 1, 0, 0), title=title, title_justify="left", caption=more, caption_justify="left"
    )
    for index, column in enumerate(columns[:shown]):
        table.add_column(column, justify="right" if index else "left")
    for effect, cells in zip(ablation.effects, rows, strict=True):
        table.add_row(*cells[:shown], style="bold" if effect.gain.is_sure else "")
    return table

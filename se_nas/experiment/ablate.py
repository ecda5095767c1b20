"""Does the placement matter? A network's trunk with SE nowhere, everywhere, and each stage switched, on equal seeds."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from se_nas.errors import InputError, RunFailedError
from se_nas.experiment.ablation_file import write_ablation
from se_nas.experiment.images import load_searched_images
from se_nas.experiment.replications import Outcomes, Replication, accuracies_of, replicate
from se_nas.experiment.reporting import load_progress, pick_trial, write_report
from se_nas.experiment.request import AblateRequest
from se_nas.experiment.run_folder import RunFolder
from se_nas.experiment.survey import cost_on
from se_nas.report.page import ablation_sentences
from se_nas.search.paired import Ablation, Effect, PairedAccuracies
from se_nas.space.architecture import Architecture
from se_nas.space.architecture_file import load_architecture
from se_nas.space.placements import EVERYWHERE, FOUND, NOWHERE, placements
from se_nas.tracking.console import plain_teller
from se_nas.training.data import ImageData
from se_nas.training.device import pick_device, prepare
from se_nas.training.latency import measure_latencies
from se_nas.training.trainer import build_initial_model
from se_nas.wording import se_glyphs


@dataclass(frozen=True, slots=True)
class AblationPlan:
    """Every network on each of `seeds` seeds, seed by seed."""

    networks: Mapping[str, Architecture]
    seeds: int

    def __call__(self, outcomes: Outcomes, under_way: Collection[tuple[str, int]]) -> Replication | None:
        """The next training."""
        for seed in range(self.seeds):
            for name, architecture in self.networks.items():
                if (name, seed) not in outcomes and (name, seed) not in under_way:
                    return Replication(name, architecture, seed)
        return None


@dataclass(frozen=True, slots=True)
class Contrast:
    """SE in one place, over it in another or none there: the two networks, by their names."""

    where: str
    over: str
    with_se: str
    without: str


def ablate(request: AblateRequest, console: Console) -> None:
    """Ablate one network of a run folder; writes `ablate-TRIAL.json`, and the report anew."""
    run_dir, _, pick = request.network.rpartition(":")
    if not run_dir:
        raise InputError(f"{request.network}: expected RUN_DIR:TRIAL, e.g. {request.network}:knee")
    folder = RunFolder.open(Path(run_dir))
    config, progress = load_progress(folder)
    record = pick_trial(progress, pick, folder)
    every = placements(load_architecture(folder.architecture(record.number)))
    first: dict[str, str] = {}  # the first name of each network
    same = {name: first.setdefault(architecture.fingerprint(), name) for name, architecture in every.items()}
    networks = {name: every[name] for name in first.values()}
    data = load_searched_images(config, folder.path)
    epochs = config.epochs if request.epochs is None else request.epochs
    outcomes = replicate(
        AblationPlan(networks, request.seeds),
        list(networks.values()),
        folder=folder,
        config=config,
        data=data,
        epochs=epochs,
        machines=request,
        console=console,
    )
    accuracies = {name: accuracies_of(outcomes, name) for name in networks}
    try:
        paired = PairedAccuracies(accuracies)
    except ValueError as error:
        raise RunFailedError(f"{folder.path}: too many trainings failed: {error}") from None
    costs = _costs(networks, data)
    ablation = Ablation(
        trial=record.number,
        epochs=epochs,
        deviation=paired.deviation,
        effects=tuple(_effect(contrast, paired, costs) for contrast in _contrasts(same)),
    )
    write_ablation(folder, ablation, networks=networks, accuracies=accuracies, costs=costs)
    write_report(folder, config, progress)
    console.print(_table(ablation, title=f"What SE is worth in trial {record.number}: {se_glyphs(record.se)}"))
    tell = plain_teller(console)
    for sentence in ablation_sentences(ablation):
        tell(sentence)
    tell(f"report    {folder.report}")


def _contrasts(same: Mapping[str, str]) -> list[Contrast]:
    """The comparisons worth making, none of a network with itself; `same` gives the name that each is trained under."""
    contrasts = [
        Contrast("as found", "nowhere", FOUND, NOWHERE),
        Contrast("everywhere", "nowhere", EVERYWHERE, NOWHERE),
        Contrast("everywhere", "as found", EVERYWHERE, FOUND),
    ]
    for name in same:
        stage, found, rest = name.partition(" with")
        if found:
            with_se, without = (FOUND, name) if rest.startswith("out") else (name, FOUND)
            contrasts.append(Contrast(f"in {stage}", "", with_se, without))
    renamed = [replace(each, with_se=same[each.with_se], without=same[each.without]) for each in contrasts]
    return [each for each in renamed if each.with_se != each.without]


def _costs(networks: Mapping[str, Architecture], data: ImageData) -> dict[str, dict[str, float]]:
    """Each network's counted costs, and its latency on this device, all measured in turn."""
    device = pick_device()
    prepare(device)
    models = [build_initial_model(each, num_classes=data.classes, seed=0).to(device) for each in networks.values()]
    latencies = measure_latencies(models, image_size=data.image_size, device=device)
    counted = cost_on(data)
    return {
        name: {**counted(architecture), "latency": latency}
        for (name, architecture), latency in zip(networks.items(), latencies, strict=True)
    }


def _effect(contrast: Contrast, paired: PairedAccuracies, costs: Mapping[str, Mapping[str, float]]) -> Effect:
    with_se, without = costs[contrast.with_se], costs[contrast.without]
    return Effect(
        where=contrast.where,
        over=contrast.over,
        gain=paired.gain(contrast.with_se, contrast.without),
        added={name: with_se[name] - without[name] for name in ("params", "flops", "latency")},
    )


def _table(ablation: Ablation, *, title: str) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), title=title, title_justify="left")
    table.add_column("SE")
    for column in ("points, 95 %", "params", "FLOPs", "ms"):
        table.add_column(column, justify="right", no_wrap=True)
    for column in ("points per\n1k params", "per 10k\nFLOPs", "per\n.1 ms"):
        table.add_column(column, justify="right", no_wrap=True)
    for effect in ablation.effects:
        table.add_row(
            effect.label,
            f"{100 * effect.gain.mean:+.2f} ± {100 * effect.gain.half_width:.2f}",
            f"{effect.added['params']:+,.0f}",
            f"{effect.added['flops']:+,.0f}",
            f"{effect.added['latency']:+.3f}",
            *(
                "" if (points := effect.points_per(cost, amount)) is None else f"{points:+.2f}"
                for cost, amount in (("params", 1_000), ("flops", 10_000), ("latency", 0.1))
            ),
            style="bold" if effect.gain.is_sure else "",
        )
    return table

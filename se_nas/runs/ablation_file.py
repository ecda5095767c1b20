"""`ablate-TRIAL.json`: the worth of SE in a network, place by place, and the experiment that shows it."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from se_nas import __version__
from se_nas.analysis.ablation import Ablation, Experiment, Interaction, Placement
from se_nas.analysis.designed.residual_check import ResidualCheck
from se_nas.analysis.paired import Effect, Extra, Gain
from se_nas.errors import InputError
from se_nas.files import read_checked, write_checked
from se_nas.objective_metric import ACCURACY, ObjectiveMetric
from se_nas.process.invocation import invocation
from se_nas.runs.run_folder import RunFolder
from se_nas.space.architecture import Architecture


def write_ablation(
    folder: RunFolder,
    ablation: Ablation,
    *,
    networks: Mapping[str, Architecture],
    accuracies: Mapping[tuple[str, int], float],
    costs: Mapping[str, Mapping[str, float]],
) -> None:
    """Write the result, and each trained network with its accuracy by seed and its costs.

    `metric` says what the accuracies are, if they are none.
    """
    by_name: dict[str, dict[str, float]] = defaultdict(dict)
    for (name, seed), accuracy in sorted(accuracies.items()):
        by_name[name][str(seed)] = accuracy
    content: dict[str, Any] = {
        **asdict(ablation),
        "metric": ablation.metric.value,
        "version": __version__,
        "networks": [
            {
                "name": name,
                "fingerprint": networks[name].fingerprint(),
                "se": list(networks[name].se_tokens),
                "accuracies": by_name[name],
                "cost": dict(costs[name]),
            }
            for name in networks
            if name in by_name
        ],
    }
    write_checked(folder.ablation(ablation.trial), content)


def ablation_files(folder: RunFolder) -> list[Path]:
    """The files of the ablations in a run folder, in the order of their trials."""
    return sorted(folder.path.glob("ablate-*.json"))


def load_ablation(path: Path) -> Ablation:
    """Read an ablation, also one of an earlier version, which had no experiment. InputError for a damaged file."""
    try:
        found = read_checked(path) or {}
        effects = tuple(_effect(each) for each in found["effects"])
        experiment = None if found.get("experiment") is None else _experiment(found["experiment"])
        return Ablation(
            trial=int(found["trial"]),
            epochs=int(found["epochs"]),
            effects=effects,
            experiment=experiment,
            metric=ObjectiveMetric(found.get("metric", ACCURACY.value)),
        )
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        raise InputError(f"{path}: damaged; delete it, or run `{invocation('ablate')}` again") from None


def _experiment(content: Mapping[str, Any]) -> Experiment:
    return Experiment(
        trainings=int(content["trainings"]),
        seeds=int(content["seeds"]),
        points=int(content["points"]),
        resolution=int(content["resolution"]),
        deviation=float(content["deviation"]),
        habits=tuple(map(_effect, content["habits"])),
        treatments=tuple(map(_effect, content["treatments"])),
        interactions=tuple(
            Interaction(first=str(each["first"]), second=str(each["second"]), gain=Gain(**each["gain"]))
            for each in content["interactions"]
        ),
        placements=tuple(map(_placement, content["placements"])),
        habit_names=tuple(map(str, content["habit_names"])),
        residuals=ResidualCheck(**content["residuals"]),
    )


def _placement(content: Mapping[str, Any]) -> Placement:
    gain = content["gain"]
    return Placement(
        name=str(content["name"]),
        se=tuple(map(str, content["se"])),
        accuracy=float(content["accuracy"]),
        half_width=float(content["half_width"]),
        gain=None if gain is None else Gain(**gain),
        best=float(content["best"]),
        trainings=int(content["trainings"]),
        added=_added(content["added"]),
    )


def _effect(content: Mapping[str, Any]) -> Effect:
    return Effect(
        where=content["where"], over=content["over"], gain=Gain(**content["gain"]), added=_added(content["added"])
    )


def _added(content: Mapping[str, Any]) -> dict[str, Extra]:
    return {cost: Extra(**extra) for cost, extra in content.items()}

"""`ablate-TRIAL.json`: the worth of SE in a network, stage by stage."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from se_nas import __version__
from se_nas.analysis.paired import Ablation, Effect, Extra, Gain
from se_nas.errors import InputError
from se_nas.files import read_checked, write_checked
from se_nas.process.invocation import invocation
from se_nas.runs.run_folder import RunFolder
from se_nas.space.architecture import Architecture


def write_ablation(
    folder: RunFolder,
    ablation: Ablation,
    *,
    networks: Mapping[str, Architecture],
    accuracies: Mapping[str, Mapping[int, float]],
    costs: Mapping[str, Mapping[str, float]],
) -> None:
    """Write the effects, and each network with its accuracy by seed and its costs."""
    content: dict[str, Any] = {
        **asdict(ablation),
        "version": __version__,
        "networks": [
            {
                "name": name,
                "fingerprint": architecture.fingerprint(),
                "se": list(architecture.se_tokens),
                "accuracies": {str(seed): accuracy for seed, accuracy in accuracies[name].items()},
                "cost": dict(costs[name]),
            }
            for name, architecture in networks.items()
        ],
    }
    write_checked(folder.ablation(ablation.trial), content)


def ablation_files(folder: RunFolder) -> list[Path]:
    """The files of the ablations in a run folder, in the order of their trials."""
    return sorted(folder.path.glob("ablate-*.json"))


def load_ablation(path: Path) -> Ablation:
    """Read an ablation; InputError for a damaged file."""
    try:
        found = read_checked(path) or {}
        effects = tuple(_effect(each) for each in found["effects"])
        return Ablation(trial=int(found["trial"]), epochs=int(found["epochs"]), effects=effects)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        raise InputError(f"{path}: damaged; delete it, or run `{invocation('ablate')}` again") from None


def _effect(content: Mapping[str, Any]) -> Effect:
    added = {cost: Extra(**extra) for cost, extra in content["added"].items()}
    return Effect(where=content["where"], over=content["over"], gain=Gain(**content["gain"]), added=added)

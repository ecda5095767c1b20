"""The trunks of detectors: the retrained network itself, or for a comparison the same trunk with SE in other places."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from se_nas.checksums import checksum_of_bytes
from se_nas.errors import InputError
from se_nas.models.network import build_model
from se_nas.runs.retrained_files import RetrainedResult, read_result
from se_nas.space.architecture import Architecture
from se_nas.space.placements import with_published_se, without_se
from se_nas.training.trained import FILE, TrainedNetwork, load_trained

ALIKE = ("data", "images_fingerprint", "images", "image_size", "recipe_name", "batch_size", "seed")
"""The settings that two retrainings must share, beside those of their recipes, so that only SE differs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    """A network without its head. `placement` says where it has SE. `network` has the weights with which it starts,
    `weights` is their digest and `folder` has them; without them it starts with initial weights."""

    placement: str
    architecture: Architecture
    network: TrainedNetwork | None = None
    weights: str = ""
    folder: Path | None = None

    @property
    def start(self) -> str:
        """The weights with which it starts, in one word."""
        return "initial" if self.network is None else "retrained"

    @property
    def name(self) -> str:
        """The beginning of the name of a folder, which says the placement and the start."""
        return f"{self.placement}-{self.start}"

    def build(self) -> nn.Module:
        """The whole network with the weights with which it starts; others are drawn from torch's global generator."""
        return build_model(self.architecture, num_classes=1) if self.network is None else self.network.build_model()


def retrained_trunk(folder: Path, network: TrainedNetwork) -> Trunk:
    """The retrained network itself."""
    return Trunk(
        placement="found",
        architecture=network.architecture,
        network=network,
        weights=_digest_of(folder),
        folder=folder,
    )


def compared_trunks(
    folder: Path, network: TrainedNetwork, placements: Sequence[str]
) -> tuple[list[Trunk], tuple[str, ...]]:
    """The trunk of a retrained network with SE in each of `placements`, and lines that say why a placement has no
    retrained weights.

    If each of these networks was retrained beside `folder`, on the same images, by the same recipe and with the same
    seed, all start with their retrained weights. Otherwise all start with initial weights: weights that were trained
    with SE in some places, or by a better recipe, would favour a placement. InputError if two placements are the same
    network.
    """
    found = network.architecture
    made = {"none": without_se(found), "found": found, "everywhere": with_published_se(found)}
    chosen = {name: made[name] for name in placements}
    by_network: dict[str, str] = {}
    for name, architecture in chosen.items():
        same = by_network.setdefault(architecture.fingerprint(), name)
        if same != name:
            raise InputError(f"--compare: '{same}' and '{name}' are the same network here; name two that differ")
    near = folder if folder.is_dir() else folder.parent
    retrained = _retrained_beside(near)
    folders: dict[str, Path] = {}
    reasons = []
    for name, architecture in chosen.items():
        same_network = [where for where, each in retrained.items() if each.fingerprint == architecture.fingerprint()]
        if near not in retrained:
            reasons.append(f"SE {name}: {near} has no result that says how it was retrained")
            continue
        differences = {where: _differences(retrained[where], retrained[near]) for where in same_network}
        if alike := [where for where, different in differences.items() if not different]:
            folders[name] = alike[0]
        elif same_network:
            where = min(differences, key=lambda each: len(differences[each]))
            reasons.append(f"SE {name}: {where} was retrained with {', '.join(differences[where])} than {near}")
        else:
            reasons.append(f"SE {name}: this network was not retrained in {near.resolve().parent}")
    if reasons:
        return [Trunk(placement=name, architecture=each) for name, each in chosen.items()], tuple(reasons)
    return [
        Trunk(
            placement=name,
            architecture=architecture,
            network=load_trained(folders[name]),
            weights=_digest_of(folders[name]),
            folder=folders[name],
        )
        for name, architecture in chosen.items()
    ], ()


def _retrained_beside(near: Path) -> dict[Path, RetrainedResult]:
    """The results of the folders with retrained weights beside `near`, in the order of names; `near` is the first."""
    found = {}
    others: list[Path] = []
    with contextlib.suppress(OSError):  # another user's folder, of which this user may read one network
        others = sorted(near.resolve().parent.iterdir())
    for folder in (near, *(each for each in others if each != near.resolve())):
        try:
            result = read_result(folder) if (folder / FILE).is_file() else None
        except (InputError, OSError):
            continue  # damaged, or another user's folder; the commands that need it report it
        if result is not None:
            found[folder] = result
    return found


def _differences(result: RetrainedResult, other: RetrainedResult) -> list[str]:
    """The settings, such as `another seed (1, not 0)`, in which two retrainings differ."""
    pairs = {name: (getattr(result, name), getattr(other, name)) for name in ALIKE}
    names = sorted(result.recipe.keys() | other.recipe.keys())
    pairs |= {name: (result.recipe.get(name), other.recipe.get(name)) for name in names}
    return [
        f"another {name.replace('_', ' ')} ({mine}, not {theirs})"
        for name, (mine, theirs) in pairs.items()
        if mine != theirs
    ]


def _digest_of(folder: Path) -> str:
    """The checksum of the weights in a folder, or of their file."""
    return checksum_of_bytes((folder / FILE if folder.is_dir() else folder).read_bytes())

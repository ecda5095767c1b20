"""The trunks of detectors: the retrained network itself, or for a comparison the same trunk with SE in other places."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from se_nas.errors import InputError
from se_nas.models.network import build_model
from se_nas.runs.retrained_files import read_result
from se_nas.space.architecture import Architecture
from se_nas.space.placements import with_published_se, without_se
from se_nas.training.trained import FILE, TrainedNetwork, load_trained


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    """A network without its head. `placement` says where it has SE. `network` has the weights with which it starts, and
    `weights` is their digest; without them it starts with initial weights."""

    placement: str
    architecture: Architecture
    network: TrainedNetwork | None = None
    weights: str = ""

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
        placement="found", architecture=network.architecture, network=network, weights=_digest_of(_weights_in(folder))
    )


def compared_trunks(folder: Path, network: TrainedNetwork, placements: Sequence[str]) -> list[Trunk]:
    """The trunk of a retrained network with SE in each of `placements`.

    If each of these networks was retrained beside `folder`, all start with their retrained weights. Otherwise all start
    with initial weights: weights that were trained with SE in some places would favour the placement that is nearest.
    InputError if two placements are the same network.
    """
    found = network.architecture
    made = {"none": without_se(found), "found": found, "everywhere": with_published_se(found)}
    chosen = {name: made[name] for name in placements}
    by_network: dict[str, str] = {}
    for name, architecture in chosen.items():
        same = by_network.setdefault(architecture.fingerprint(), name)
        if same != name:
            raise InputError(f"--compare: '{same}' and '{name}' are the same network here; name two that differ")
    folders = {name: _retrained_as(architecture, folder) for name, architecture in chosen.items()}
    if any(each is None for each in folders.values()):
        return [Trunk(placement=name, architecture=architecture) for name, architecture in chosen.items()]
    return [
        Trunk(
            placement=name,
            architecture=architecture,
            network=load_trained(where),
            weights=_digest_of(_weights_in(where)),
        )
        for name, architecture in chosen.items()
        if (where := folders[name]) is not None
    ]


def _retrained_as(architecture: Architecture, beside: Path) -> Path | None:
    """The first folder, in the order of names, with retrained weights of this network; `beside` comes before others."""
    near = beside if beside.is_dir() else beside.parent
    for folder in (near, *sorted(near.resolve().parent.iterdir())):
        try:
            result = read_result(folder) if (folder / FILE).is_file() else None
        except (InputError, OSError):
            continue  # damaged, or another user's folder; the commands that need it report it
        if result is not None and result.fingerprint == architecture.fingerprint():
            return folder
    return None


def _weights_in(folder: Path) -> Path:
    return folder / FILE if folder.is_dir() else folder


def _digest_of(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()[:16]

"""The pretrained weights of a search: chosen when it begins, kept in its run folder, and used by later commands."""

from dataclasses import replace
from pathlib import Path

from se_nas.data.published_weights import TORCHVISION, download_weights, layer_names
from se_nas.errors import InputError
from se_nas.runs.run_folder import RunFolder
from se_nas.runs.settings import SearchConfig
from se_nas.space.architecture import Architecture
from se_nas.space.decisions import Categorical, FloatRange, IntRange
from se_nas.space.design_space import DesignSpace
from se_nas.space.pretraining import starting_unchanged
from se_nas.space.trunks.published import PublishedTrunk
from se_nas.training.pretrained import Pretrained, match_weights, read_weights


def choose_weights(given: str, space: DesignSpace) -> Pretrained:
    """The weights that `--weights` names, matched to the trunk of a space. InputError if they do not fit it."""
    trunk = space.trunk
    open_names = [
        each.name for each in trunk.settings() if isinstance(each.setting, Categorical | IntRange | FloatRange)
    ]
    if open_names:
        raise InputError(
            f"--weights {given}: needs one fixed trunk, but space '{space.name}' leaves {open_names[0]} open"
        )
    network = trunk.published if isinstance(trunk, PublishedTrunk) else trunk.network({})
    if given != TORCHVISION:
        names = layer_names(trunk.name) if isinstance(trunk, PublishedTrunk) else ()
        return match_weights(network, read_weights(Path(given)), source=given, names=names)
    if not isinstance(trunk, PublishedTrunk):
        raise InputError(f"--weights {given}: needs a space with `trunk: NAME`; for another trunk, give a file")
    return match_weights(network, download_weights(trunk.name), source=given)


def described(pretrained: Pretrained, *, classes: int) -> str:
    """A line about the weights: what starts with them, and what does not."""
    head = (
        "the classifier too"
        if pretrained.classes == classes
        else f"a new classifier for {classes:,} classes (the weights have {pretrained.classes:,})"
    )
    return f"weights   the trunk starts pretrained, {head}; new SE starts with a gate of 1 (2 · sigmoid)"


def kept_weights(folder: RunFolder, config: SearchConfig) -> Pretrained | None:
    """The weights that a search started with; None if it started without. InputError if their file is missing."""
    return Pretrained.read(folder.pretrained) if config.weights else None


def weights_path(folder: RunFolder, config: SearchConfig) -> Path | None:
    """The file of these weights, which trainings read; None if the search started without."""
    return folder.pretrained.absolute() if config.weights else None


def carried_weights(path: Path | None, address: str | None) -> Path | Pretrained | None:
    """The weights as trainings get them: their file or, for machines of a cluster that may not see it, its content."""
    return Pretrained.read(path) if path and address is not None else path


def with_weights(space: DesignSpace, pretrained: Pretrained | None) -> DesignSpace:
    """The space whose networks start with these weights."""
    return space if pretrained is None else replace(space, pretrained=pretrained.network)


def unchanged_at_start(network: Architecture, pretrained: Pretrained | None) -> Architecture:
    """The network with SE that leaves the pretrained output unchanged at the start."""
    return network if pretrained is None else starting_unchanged(network, pretrained.network)

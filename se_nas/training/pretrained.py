"""Weights of a pretrained network: read, matched to our layers, kept in a run folder, and copied into networks."""

import pickle
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from se_nas.errors import InputError
from se_nas.models.attention.squeeze_excite import SqueezeExcite
from se_nas.models.network import build_model
from se_nas.space.architecture import Architecture
from se_nas.space.attention.squeeze_excite import Gate
from se_nas.space.files.architecture_file import parse_architecture
from se_nas.space.parts.own_trunk import OwnTrunk
from se_nas.space.placements import without_se
from se_nas.training.checkpoint import read_tensors, write_tensors

FORMAT = "se-nas pretrained 1"
COUNTER = "num_batches_tracked"
"""A buffer of batch norm that no result depends on."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pretrained:
    """A network, with its own SE if it has weights for it, and its weights by our names.

    `classifier` is the start of the names of its classifier's weights.
    """

    network: Architecture
    weights: Mapping[str, Tensor]
    classifier: str

    @property
    def classes(self) -> int:
        """The number of classes of its classifier."""
        return len(self.weights[f"{self.classifier}weight"])

    @torch.no_grad()
    def start(self, model: nn.Module) -> None:
        """Copy the weights into a network with the same trunk.

        SE whose gate starts at 1 keeps its initial weights, and so does a classifier of another number of classes.
        ValueError if another layer has no weights.
        """
        fresh = tuple(
            f"{path}."
            for path, module in model.named_modules()
            if isinstance(module, SqueezeExcite) and module.gate is Gate.TWICE_SIGMOID
        )
        for name, value in model.state_dict().items():
            given = self.weights.get(name)
            if given is not None and given.shape == value.shape and not name.startswith(fresh):
                value.copy_(given)
            elif not name.startswith((*fresh, self.classifier)) and not name.endswith(COUNTER):
                raise ValueError(f"the pretrained weights have no tensor for {name} of shape {tuple(value.shape)}")

    def write(self, path: Path) -> None:
        """Write the weights with the network that they belong to."""
        about = {"format": FORMAT, "architecture": self.network.to_dict(), "classifier": self.classifier}
        write_tensors(path, dict(self.weights), about)

    @classmethod
    def read(cls, path: Path) -> "Pretrained":
        """Read what `write` wrote. InputError if the file is missing or damaged."""
        if not path.is_file():
            raise InputError(f"{path}: missing; the search was begun with these weights, so restore the file")
        tensors, about = read_tensors(path)
        if about.get("format") != FORMAT:
            raise InputError(f"{path}: written as {about.get('format')!r}, but {FORMAT!r} is needed")
        network = parse_architecture(about["architecture"], path)
        return cls(network=network, weights=tensors, classifier=str(about["classifier"]))


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a state dict: safetensors, or torch's own format with tensors only. InputError if the file is neither."""
    if not path.is_file():
        raise InputError(f"--weights {path}: no such file")
    is_safetensors = path.suffix == ".safetensors"
    try:
        content = load_file(path) if is_safetensors else torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, SafetensorError, pickle.UnpicklingError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(
            f"--weights {path}: neither a .safetensors file nor a .pth file that holds only tensors ({reason})"
        ) from None
    for key in ("state_dict", "model"):  # a checkpoint of a training often has them there
        content = content.get(key, content) if isinstance(content, Mapping) else content
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise InputError(f"--weights {path}: expected the tensors of a network by name (a state dict)")
    return dict(content)


def match_weights(network: Architecture, given: Mapping[str, Tensor], *, source: str) -> Pretrained:
    """The weights of our layers, by our names. They are of the network, or of the network without its SE.

    Our own names are matched by name, and others by their order, which is that of torchvision. The classifier may have
    any number of classes. InputError names the first tensor that does not fit.
    """
    tensors = {name: value for name, value in given.items() if not name.endswith(COUNTER)}
    models = {each: _empty_model(each) for each in (without_se(network), network)}
    candidates = {len(_shapes(model)): (each, _shapes(model), _classifier(model)) for each, model in models.items()}
    if len(tensors) not in candidates:
        counts = " or ".join(map(str, sorted(candidates)))
        raise InputError(f"--weights {source}: it has {len(tensors)} tensors, but this trunk needs {counts}")
    found, shapes, classifier = candidates[len(tensors)]
    theirs = shapes if tensors.keys() == shapes.keys() else tensors
    weights = {}
    for name, other in zip(shapes, theirs, strict=True):
        wanted, value = shapes[name], tensors[other]
        if name.startswith(classifier):
            wanted = (value.shape[0], *wanted[1:])
        if _without_ones(value.shape) != _without_ones(wanted):
            raise InputError(
                f"--weights {source}: {other} has the shape {tuple(value.shape)}, but {name} of this trunk needs "
                f"{tuple(wanted)}"
            )
        weights[name] = value.reshape(wanted).float().contiguous()
    return Pretrained(network=found, weights=weights, classifier=classifier)


def _empty_model(network: Architecture) -> nn.Module:
    """The network without memory for its weights; a user's own network has weights, because its code may need them."""
    with nullcontext() if isinstance(network.stem, OwnTrunk) else torch.device("meta"):
        return build_model(network, num_classes=2)


def _classifier(model: nn.Module) -> str:
    """The start of the names of the last linear layer's weights."""
    names = [f"{name}." for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    return names[-1] if names else "no classifier"


def _shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in model.state_dict().items() if not name.endswith(COUNTER)}


def _without_ones(shape: Sequence[int]) -> list[int]:
    """A linear layer is a 1×1 convolution without pixels, so their weights differ only in these."""
    return [size for size in shape if size != 1]

"""Weights of a pretrained network: read, matched to our layers, kept in a run folder, and copied into networks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from se_nas.errors import InputError
from se_nas.models.attention.squeeze_excite import SqueezeExcite
from se_nas.models.network import build_empty_model
from se_nas.space.architecture import Architecture
from se_nas.space.attention.squeeze_excite import Gate
from se_nas.space.files.architecture_file import parse_architecture
from se_nas.space.placements import without_se
from se_nas.training.checkpoint import read_tensors, write_tensors
from se_nas.wording import printable

FORMAT = "se-nas pretrained 1"
COUNTER = "num_batches_tracked"
"""A buffer of batch norm that no result depends on."""
SAFETENSORS = ".safetensors"
"""The ending of files that keep names, but not the order of the tensors."""
WRAPPERS = ("module.", "_orig_mod.")
"""What DataParallel and torch.compile write before each name."""


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
    try:
        is_named = path.suffix == SAFETENSORS
        content = load_file(path) if is_named else torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # noqa: BLE001 - a file of another kind can raise anything, e.g. KeyError for plain text
        raise InputError(
            f"--weights {path}: neither a .safetensors file nor a .pth file that holds only tensors"
        ) from None
    for key in ("state_dict", "model"):  # a checkpoint of a training often has them there
        content = content.get(key, content) if isinstance(content, Mapping) else content
    if not isinstance(content, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()
    ):
        raise InputError(f"--weights {path}: expected the tensors of a network by name (a state dict)")
    return dict(content)


def match_weights(
    network: Architecture, given: Mapping[str, Tensor], *, source: str, names: Sequence[str] = ()
) -> Pretrained:
    """The weights of our layers, by our names. They are of the network, or of the network without its SE.

    Our own names are matched by name, and so are `names`, which are torchvision's in the order of its layers. Other
    names are matched by their order, unless `source` is a file without an order. The classifier may have any number of
    classes. InputError names the first tensor that does not fit.
    """
    tensors = _unwrapped({name: value for name, value in given.items() if not name.endswith(COUNTER)})
    models = {each: build_empty_model(each, num_classes=2) for each in (without_se(network), network)}
    candidates = {len(_layers(model)): (each, _layers(model), _classifier(model)) for each, model in models.items()}
    if len(tensors) not in candidates:
        counts = " or ".join(map(str, sorted(candidates)))
        _, layers, classifier = candidates[min(candidates, key=lambda count: abs(count - len(tensors)))]
        known = [*layers] if tensors.keys() & layers.keys() else names
        misfit = _first_misfit(tensors, layers, known, classifier, has_order=not source.endswith(SAFETENSORS))
        raise InputError(f"--weights {source}: it has {len(tensors)} tensors, but this trunk needs {counts}; {misfit}")
    found, layers, classifier = candidates[len(tensors)]
    classes = _classes(tensors, theirs := _in_order(tensors, layers, names, source), layers, classifier)
    weights = {}
    for (name, layer), other in zip(layers.items(), theirs, strict=True):
        wanted = (classes, *layer.shape[1:]) if name.startswith(classifier) else tuple(layer.shape)
        value = tensors[other]
        if _without_ones(value.shape) != _without_ones(wanted):
            raise InputError(
                f"--weights {source}: {printable(other)} has the shape {tuple(value.shape)}, but {name} of this trunk "
                f"needs {wanted}"
            )
        if fault := _fault(value, layer):
            raise InputError(f"--weights {source}: {printable(other)} {fault}")
        value = value.reshape(wanted)
        weights[name] = (value.float() if value.is_floating_point() else value).contiguous()
    return Pretrained(network=found, weights=weights, classifier=classifier)


def _first_misfit(
    tensors: Mapping[str, Tensor],
    layers: Mapping[str, Tensor],
    names: Sequence[str],
    classifier: str,
    *,
    has_order: bool,
) -> str:
    """Text about the first tensor that does not fit, if the numbers of tensors differ. Tensors are compared by name if
    some have known names, else in their order, if the file keeps it."""
    known = [name for name in names if not name.endswith(COUNTER)]
    if tensors.keys() & set(known):
        if missing := next((name for name in known if name not in tensors), None):
            return f"it lacks {missing}"
        return f"this trunk has no {printable(next(name for name in tensors if name not in known))}"
    if tensors and not has_order:
        return f"{printable(next(iter(tensors)))} is unknown"
    for (other, value), (name, layer) in zip(tensors.items(), layers.items(), strict=False):
        if not name.startswith(classifier) and _without_ones(value.shape) != _without_ones(layer.shape):
            return f"{printable(other)} has the shape {tuple(value.shape)}, but {name} needs {tuple(layer.shape)}"
    if len(tensors) < len(layers):
        return f"it lacks {list(layers)[len(tensors)]}"
    return f"this trunk has no {printable(list(tensors)[len(layers)])}"


def _unwrapped(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors without a wrapper's prefix, if all names have it."""
    for prefix in WRAPPERS:
        if tensors and all(name.startswith(prefix) for name in tensors):
            return _unwrapped({name.removeprefix(prefix): value for name, value in tensors.items()})
    return tensors


def _in_order(
    tensors: Mapping[str, Tensor], layers: Mapping[str, Tensor], names: Sequence[str], source: str
) -> Sequence[str]:
    """The names of the tensors in the order of our layers. InputError if they have no known order."""
    for known in (list(layers), [name for name in names if not name.endswith(COUNTER)]):
        if tensors.keys() == set(known):
            return known
    if source.endswith(SAFETENSORS):
        alien = next(name for name in tensors if name not in layers)
        raise InputError(
            f"--weights {source}: {printable(alien)} is unknown, and a {SAFETENSORS} file keeps no order of layers; "
            "expected our names or torchvision's, or a .pth file"
        )
    return list(tensors)


def _classes(
    tensors: Mapping[str, Tensor], theirs: Sequence[str], layers: Mapping[str, Tensor], classifier: str
) -> int:
    """The number of classes of the classifier's weight, at least 1; ours if it has no rows."""
    for (name, layer), other in zip(layers.items(), theirs, strict=True):
        if name == f"{classifier}weight":
            return (tensors[other].shape or layer.shape)[0] or layer.shape[0]
    return 0


def _fault(value: Tensor, layer: Tensor) -> str | None:
    """Why the values cannot be those of a layer; None if they can."""
    if value.layout is not torch.strided or value.is_quantized or value.is_meta:
        return "is sparse, quantized or without values; expected plain numbers"
    if value.is_floating_point() != layer.is_floating_point():
        return f"has the type {value.dtype}; expected {layer.dtype}"
    if not bool(value.isfinite().all()):
        return "has values that are not finite"
    return None


def _classifier(model: nn.Module) -> str:
    """The start of the names of the last linear layer's weights."""
    names = [f"{name}." for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    return names[-1] if names else "no classifier"


def _layers(model: nn.Module) -> dict[str, Tensor]:
    return {name: value for name, value in model.state_dict().items() if not name.endswith(COUNTER)}


def _without_ones(shape: Sequence[int]) -> list[int]:
    """A linear layer is a 1×1 convolution without pixels, so their weights differ only in these."""
    return [size for size in shape if size != 1]

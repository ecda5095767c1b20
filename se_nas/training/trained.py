"""A trained network with its data for use, as one safetensors file: `weights.safetensors`.

In a folder for Hugging Face the file is called `model.safetensors`, and `config.json` repeats its description.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor, nn

from se_nas.data.decoding import Decoding
from se_nas.data.pixels import EIGHT_BIT, MOST, PixelScale
from se_nas.errors import InputError
from se_nas.models.backbone import Backbone, as_backbone
from se_nas.models.network import build_empty_model, build_model
from se_nas.space.architecture import Architecture
from se_nas.space.files.architecture_file import parse_architecture
from se_nas.space.parts.own_trunk import OwnTrunk
from se_nas.training.checkpoint import read_tensors, write_tensors

FORMAT = "se-nas weights 3"
FILE = "weights.safetensors"
HUB_FILE, HUB_CONFIG = "model.safetensors", "config.json"
IN_CONFIG = "se_nas"
"""The key of `config.json` whose value is the description of the network."""
CLASSIFIER = "head.classify."

Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainedNetwork:
    """A trained network.

    `pixel_mean` and `pixel_deviation`, the standard deviation, have a value for each colour, in pixel values of 0 to
    255. `scale` is the scale of training pixels that do not have 8 bits. `decoding` is the way in which the training
    images were decoded.
    """

    architecture: Architecture
    class_names: tuple[str, ...]
    image_size: int
    pixel_mean: tuple[float, ...]
    pixel_deviation: tuple[float, ...]
    weights: Mapping[str, Tensor]
    scale: PixelScale = EIGHT_BIT
    decoding: Decoding = Decoding.SCALED

    def build_model(self, *, num_classes: int | None = None) -> nn.Module:
        """Build the network with its weights: normalised images (N, 3, H, W) -> logits (N, classes).

        `num_classes`, as in timm, gives it a new classifier with initial weights, for transfer to other images. With 0,
        the network returns the pooled features (N, width of the last stage).
        """
        if num_classes is not None and isinstance(self.architecture.stem, OwnTrunk):
            raise InputError("num_classes: only a network of a known family can get another classifier")
        model = build_model(self.architecture, num_classes=num_classes or len(self.class_names))
        kept = dict(self.weights)
        if num_classes is not None:
            kept |= {name: value for name, value in model.state_dict().items() if name.startswith(CLASSIFIER)}
        model.load_state_dict(kept)
        if num_classes == 0:
            model.get_submodule("head").register_module("classify", nn.Identity())
        return model.eval()

    def build_backbone(self, out_indices: Sequence[int] | None = None) -> Backbone:
        """Build a network that returns feature maps, as timm's `features_only`, for detection and segmentation."""
        return as_backbone(self.build_model(), self.architecture, out_indices)

    def build_deployed(self) -> nn.Module:
        """Build a network that normalises its images itself: RGB (N, 3, S, S) from 0 to 1 -> logits (N, classes)."""
        return Deployed(self.build_model(), self.pixel_mean, self.pixel_deviation).eval()


class _Scale(BaseModel):
    """The values of white, in whole numbers of more than 8 bits and in real numbers."""

    model_config = ConfigDict(strict=True)

    white_of_whole: Annotated[int, Field(ge=1, le=MOST)] | None
    white_of_real: Annotated[float, Field(ge=1, le=MOST)] | None


EARLIER_SCALE = _Scale(white_of_whole=MOST, white_of_real=None)
"""The scale with which earlier versions read images. They wrote no scale."""


class _About(BaseModel):
    """The file's description of its tensors."""

    model_config = ConfigDict(strict=True)

    architecture: dict[str, Any]
    class_names: Annotated[tuple[str, ...], Field(min_length=1)]
    image_size: Annotated[int, Field(ge=1, le=4096)]
    pixel_mean: tuple[Finite, Finite, Finite]
    pixel_deviation: tuple[Positive, Positive, Positive]
    scale: _Scale = EARLIER_SCALE
    decoding: Literal["whole", "scaled"] = "whole"
    """Earlier versions decoded whole images, and did not write it."""


class Deployed(nn.Module):
    """A network with its normalisation in front."""

    def __init__(self, model: nn.Module, pixel_mean: Sequence[float], pixel_deviation: Sequence[float]) -> None:
        super().__init__()
        self.model = model
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.tensor(pixel_mean).view(1, 3, 1, 1) / 255)
        self.register_buffer("deviation", torch.tensor(pixel_deviation).view(1, 3, 1, 1) / 255)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 3, S, S) from 0 to 1 -> logits (N, classes)."""
        logits: Tensor = self.model((images - self.mean) / self.deviation)
        return logits


def save_trained(folder: Path, network: TrainedNetwork, *, name: str = FILE) -> Path:
    """Write the file into `folder` and return its path."""
    write_tensors(folder / name, dict(network.weights), described(network))
    return folder / name


def described(network: TrainedNetwork) -> dict[str, Any]:
    """The description of a network in its file: everything but the weights, as JSON values."""
    return {
        "format": FORMAT,
        "architecture": network.architecture.to_dict(),
        "class_names": network.class_names,
        "image_size": network.image_size,
        "pixel_mean": network.pixel_mean,
        "pixel_deviation": network.pixel_deviation,
        "scale": asdict(network.scale),
        "decoding": network.decoding.value,
    }


def load_trained(folder: Path | str) -> TrainedNetwork:
    """Read the network from the folder of a retraining, from a folder for Hugging Face, or from its file.

    InputError if it is not a trained network.
    """
    path = _file_in(Path(folder))
    if not path.is_file():
        raise InputError(f"{folder}: no retrained network; expected a folder RUN_DIR/retrain/NAME with {FILE}")
    tensors, found = read_tensors(path)
    if found.get("format") != FORMAT:
        raise InputError(f"{path}: written as {found.get('format')!r}, but {FORMAT!r} is needed; retrain the network")
    if path.name == HUB_FILE:
        _check_config(path.with_name(HUB_CONFIG), found)
    try:
        about = _About.model_validate_json(json.dumps(found))
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise InputError(f"{path}: its description is damaged ({where}: {error.errors()[0]['msg']})") from None
    network = TrainedNetwork(
        architecture=parse_architecture(about.architecture, path),
        class_names=about.class_names,
        image_size=about.image_size,
        pixel_mean=about.pixel_mean,
        pixel_deviation=about.pixel_deviation,
        weights=tensors,
        scale=PixelScale(white_of_whole=about.scale.white_of_whole, white_of_real=about.scale.white_of_real),
        decoding=Decoding(about.decoding),
    )
    try:
        model = build_empty_model(network.architecture, num_classes=len(network.class_names))
        model.load_state_dict(tensors, assign=True)
    except RuntimeError as error:
        raise InputError(f"{path}: not the weights of its network ({' '.join(str(error).split())[:120]})") from None
    return network


def _file_in(path: Path) -> Path:
    """The file of the network in a folder. Another path is returned as it is."""
    if not path.is_dir():
        return path
    return path / (HUB_FILE if (path / HUB_FILE).is_file() and not (path / FILE).exists() else FILE)


def _check_config(config: Path, described: Mapping[str, Any]) -> None:
    """Raise InputError if `config.json` exists but describes another network than the file with the weights."""
    if not config.exists():
        return
    try:
        content = json.loads(config.read_text(encoding="utf-8"))
        same = content[IN_CONFIG] == described
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        same = False
    if not same:
        raise InputError(f"{config}: not the description of the network in {HUB_FILE} beside it; restore the file")

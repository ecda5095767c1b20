"""A trained detector with its data for use, as one safetensors file, and the checkpoints of its training."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import nn

from se_nas.errors import InputError
from se_nas.models.detector import DetectorSettings, build_detector
from se_nas.models.network import build_model
from se_nas.space.files.architecture_file import parse_architecture
from se_nas.training.checkpoint import read_tensors, write_tensors
from se_nas.training.detection.detector_trainer import DetectionEpoch, DetectorTrainer

FORMAT = "se-nas detector 1"
CHECKPOINT_FORMAT = "se-nas detector checkpoint 1"
FILE = "detector.safetensors"

Positive = Annotated[int, Field(ge=1)]
Number = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedDetector:
    """A detector with its weights, ready for images: a list of RGB images (3, H, W) from 0 to 1.

    For each image it returns `boxes` (N, 4) as corners in pixels, `labels` (N,) and `scores` (N,), the surest box
    first. A label counts from 1; `class_names[label - 1]` is its name.
    """

    model: nn.Module
    class_names: tuple[str, ...]


class _Settings(BaseModel):
    model_config = ConfigDict(strict=True)

    kind: Literal["faster_rcnn", "retinanet", "fcos"]
    classes: Positive
    short_side: Positive
    long_side: Positive
    pixel_mean: tuple[Number, Number, Number]
    pixel_deviation: tuple[Number, Number, Number]
    frozen_norms: bool


class _About(BaseModel):
    model_config = ConfigDict(strict=True)

    architecture: dict[str, Any]
    class_names: Annotated[tuple[str, ...], Field(min_length=1)]
    settings: _Settings


def save_detector(
    folder: Path,
    detector: nn.Module,
    settings: DetectorSettings,
    *,
    architecture: dict[str, Any],
    class_names: Sequence[str],
) -> Path:
    """Write the detector into `folder` and return the path of its file."""
    about = {
        "format": FORMAT,
        "architecture": architecture,
        "class_names": list(class_names),
        "settings": asdict(settings),
    }
    write_tensors(folder / FILE, dict(detector.state_dict()), about)
    return folder / FILE


def load_detector(folder: Path | str) -> TrainedDetector:
    """Read a detector from the folder of its training, or from its file. InputError if it is not a trained detector."""
    path = Path(folder)
    path = path / FILE if path.is_dir() else path
    if not path.is_file():
        raise InputError(f"{folder}: no trained detector; expected a folder RETRAINED_DIR/detect/NAME/RUN with {FILE}")
    tensors, described = read_tensors(path)
    if described.get("format") != FORMAT:
        raise InputError(f"{path}: written as {described.get('format')!r}, but {FORMAT!r} is needed; train it again")
    try:
        about = _About.model_validate_json(json.dumps(described))
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise InputError(f"{path}: its description is damaged ({where}: {error.errors()[0]['msg']})") from None
    architecture = parse_architecture(about.architecture, path)
    settings = DetectorSettings(**about.settings.model_dump())
    detector = build_detector(build_model(architecture, num_classes=1), architecture, settings)
    try:
        detector.load_state_dict(tensors)
    except RuntimeError as error:
        raise InputError(f"{path}: not the weights of its detector ({' '.join(str(error).split())[:120]})") from None
    return TrainedDetector(model=detector.eval(), class_names=about.class_names)


def save_detector_checkpoint(
    path: Path, trainer: DetectorTrainer, *, identity: str, history: Sequence[DetectionEpoch]
) -> None:
    """Write weights, momentum and history. `identity` names the training that may continue from the file."""
    about = {"format": CHECKPOINT_FORMAT, "identity": identity, "history": [asdict(epoch) for epoch in history]}
    write_tensors(path, trainer.tensors(), about)


def load_detector_checkpoint(path: Path, trainer: DetectorTrainer, *, identity: str) -> list[DetectionEpoch]:
    """Restore `trainer` and return the history. InputError if the checkpoint belongs to another training."""
    tensors, about = read_tensors(path)
    if about.get("format") != CHECKPOINT_FORMAT or about.get("identity") != identity:
        raise InputError(
            f"{path}: made by another training (network, detector, settings or images differ); remove it to start again"
        )
    history = [DetectionEpoch(**epoch) for epoch in about["history"]]
    trainer.restore(tensors, epoch=len(history))
    return history

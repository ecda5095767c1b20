"""A training of `detect`: one trunk in one detector with one seed, and its folder."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import nn

from se_nas.commands.detect.trunks import Trunk
from se_nas.data.boxes.boxed_batches import Reading
from se_nas.data.boxes.boxed_images import LONGEST, BoxedData
from se_nas.errors import InputError
from se_nas.models.detector import DetectorKind, DetectorSettings, build_detector
from se_nas.runs.detected_files import FOUND, DetectedResult, read_detected
from se_nas.training.detection.detection_recipe import DetectionRecipe
from se_nas.training.detection.detector_file import FILE
from se_nas.training.detection.detector_trainer import build_initial
from se_nas.training.trained import TrainedNetwork


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionTask:
    """A detector to train. `experiment` is the folder of all trainings with these images and settings, and `network`
    the retrained network, whose statistics of pixels are used."""

    experiment: Path
    network: TrainedNetwork
    trunk: Trunk
    data: BoxedData
    kind: DetectorKind
    image_size: int
    recipe: DetectionRecipe
    seed: int

    @property
    def target(self) -> Path:
        """The folder with all files of this training."""
        return self.experiment / f"{self.trunk.name}-seed-{self.seed}"

    @property
    def checkpoint(self) -> Path:
        """The file from which this training continues. It is the last file to go, after the W&B run has ended."""
        return self.target / "checkpoint.safetensors"

    @property
    def reading(self) -> Reading:
        """The settings by which its images are read."""
        return Reading(short_side=self.image_size, scale=self.network.scale)

    @property
    def settings(self) -> DetectorSettings:
        """The settings of its detector. Batch norms of a retrained trunk keep their statistics, as in the papers."""
        return DetectorSettings(
            kind=self.kind,
            classes=len(self.data.class_names),
            short_side=self.image_size,
            long_side=int(self.image_size * LONGEST),
            pixel_mean=tuple(value / 255 for value in self.network.pixel_mean),
            pixel_deviation=tuple(value / 255 for value in self.network.pixel_deviation),
            frozen_norms=self.trunk.network is not None,
        )

    def build(self) -> nn.Module:
        """The detector with the weights with which it starts. Pyramid and heads start equal for every trunk."""
        trunk = build_initial(self.trunk.build, purpose="trunk", seed=self.seed)
        return build_initial(
            lambda: build_detector(trunk, self.trunk.architecture, self.settings), purpose="detector", seed=self.seed
        )

    @property
    def facts(self) -> dict[str, Any]:
        """Everything on which the result depends, with the keys of `DetectedResult`."""
        settings = self.settings
        return {
            "placement": self.trunk.placement,
            "start": self.trunk.start,
            "weights": self.trunk.weights,
            "fingerprint": self.trunk.architecture.fingerprint(),
            "seed": self.seed,
            "detector": self.kind,
            "image_size": self.image_size,
            "recipe": asdict(self.recipe),
            "normalisation": {"mean": list(settings.pixel_mean), "deviation": list(settings.pixel_deviation)},
            "pixel_scale": asdict(self.network.scale),
            "images_fingerprint": self.data.fingerprint(),
        }

    @property
    def identity(self) -> str:
        """The text that a checkpoint of this training carries."""
        return json.dumps(self.facts)

    def finished(self) -> DetectedResult | None:
        """The result, if it exists; InputError if it was trained with other settings or on other images."""
        result = read_detected(self.target)
        if result is None or not all((self.target / name).is_file() for name in (FILE, FOUND)):
            return None
        known = result.model_dump()
        if different := [name for name, value in self.facts.items() if known[name] != value]:
            raise InputError(
                f"{self.target}: trained with another {different[0].replace('_', ' ')}; remove the folder to train it "
                "again"
            )
        return result

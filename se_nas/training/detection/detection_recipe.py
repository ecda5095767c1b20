"""The recipe of a detector as data, and the learning rate of each step."""

import math
from dataclasses import dataclass

from se_nas.models.detector import DetectorKind

USUAL_RATES: dict[DetectorKind, float] = {"faster_rcnn": 0.02, "retinanet": 0.01, "fcos": 0.01}
"""The learning rate of each detector for a batch of 16 images, as in the papers."""
USUAL_BATCH = 16
WARMUP_STEPS = 500
LARGEST_GRADIENT = 10.0
"""The norm to which larger gradients are scaled. Without it, a trunk with initial weights may diverge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionRecipe:
    """SGD with momentum, a linear warm-up of at most 500 steps, then a cosine decay to zero.

    `learning_rate` is for a batch of 16 images and scales with the batch size (Goyal et al., arXiv 1706.02677). Images
    are mirrored at random. Weight decay does not apply to norms and biases.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    momentum: float = 0.9
    weight_decay: float = 1e-4

    def rate_at(self, step: int, *, steps: int) -> float:
        """The learning rate of step `step`, counted from 0, in a training of `steps` steps."""
        peak = self.learning_rate * self.batch_size / USUAL_BATCH
        warmup = min(WARMUP_STEPS, steps / 4)
        if step < warmup:
            return peak * (step + 1) / (warmup + 1)
        return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))

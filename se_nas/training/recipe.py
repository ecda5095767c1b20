"""A training recipe as data: everything that decides a training beside the network, the images and the seed."""

import math
from dataclasses import dataclass

LEAST_STEPS = 32
"""Steps an epoch should have before the batch may be as large as the recipe allows."""


RANGES: dict[str, tuple[float, float]] = {
    "epochs": (1, math.inf),
    "batch_size": (2, math.inf),
    "learning_rate": (0, math.inf),
    "momentum": (0, 1),
    "weight_decay": (0, math.inf),
    "warmup_epochs": (0, math.inf),
    "label_smoothing": (0, 1),
    "cutout": (0, 0.99),
    "mixup": (0, math.inf),
    "cutmix": (0, math.inf),
    "rand_augment_operations": (0, 10),
    "rand_augment_magnitude": (0, 30),
    "ema_decay": (0, 0.999999),
}
"""The least and the most that each part of a recipe may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """SGD with Nesterov momentum, linear warm-up, cosine decay to zero, label smoothing.

    `learning_rate` is for a batch of 128 images and scales with the root of the batch (Krizhevsky, arXiv
    1404.5997, section 5). Weight decay spares norms and biases (He et al., arXiv 1812.01187, section 3.1). `cutout` is
    the side of the hole as a share of the image's. `mixup` and `cutmix` are both parameters of the beta distribution
    that mixing shares are drawn from; with both, every batch is mixed in one of the two ways. RandAugment takes so many
    operations of a magnitude of 0 to 30 (Cubuk et al., arXiv 1909.13719). `ema_decay` is that of the weights' moving
    average, which is then what is evaluated and kept. 0 is without.
    """

    epochs: int
    batch_size: int = 128
    learning_rate: float = 0.2
    momentum: float = 0.9
    weight_decay: float = 5e-4
    warmup_epochs: float = 1.0
    label_smoothing: float = 0.1
    cutout: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    rand_augment_operations: int = 0
    rand_augment_magnitude: int = 9
    ema_decay: float = 0.0

    def __post_init__(self) -> None:
        for name, (least, most) in RANGES.items():
            if getattr(self, name) < least or getattr(self, name) > most:
                rule = f"{name} >= {least}" if most == math.inf else f"{least} <= {name} <= {most}"
                raise ValueError(f"{rule} must hold, but got {name}={getattr(self, name)}")

    @property
    def mixes(self) -> bool:
        """Whether images are mixed with others of their batch."""
        return self.mixup > 0 or self.cutmix > 0

    def batch_size_for(self, images: int) -> int:
        """The batch for a training set of `images`: smaller for small sets, so that an epoch has steps to learn in."""
        wanted = 1 << int(math.log2(max(1, images / LEAST_STEPS)))
        return max(2, min(self.batch_size, max(16, wanted), images))

    def peak_learning_rate(self, batch_size: int) -> float:
        """The rate after the warm-up, in batches of that size."""
        return self.learning_rate * math.sqrt(batch_size / 128)

    def learning_rate_at(self, step: int, *, steps: int, steps_per_epoch: int, batch_size: int) -> float:
        """The rate of step `step` out of `steps`, counted from 0."""
        peak = self.peak_learning_rate(batch_size)
        warmup = min(self.warmup_epochs * steps_per_epoch, steps / 4)
        if step < warmup:
            return peak * (step + 1) / (warmup + 1)
        return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))

    def ema_decay_at(self, step: int) -> float:
        """What the average keeps of itself at `step`, counted from 0: less at first, so that it forgets the start.

        As in TensorFlow's `ExponentialMovingAverage` with `num_updates`.
        """
        return min(self.ema_decay, (1 + step) / (10 + step))

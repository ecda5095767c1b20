"""A training recipe as data: everything that decides a training beside the network, the images and the seed."""

import math
from dataclasses import dataclass, replace

LEAST_STEPS = 32
"""Steps an epoch should have before the batch may be as large as the recipe allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """SGD with Nesterov momentum, linear warm-up, cosine decay to zero, label smoothing.

    `learning_rate` is for a batch of 128 images and scales with the root of the batch (Krizhevsky, arXiv
    1404.5997, section 5). Weight decay spares norms and biases (He et al., arXiv 1812.01187, section 3.1). `cutout` is
    the side of the hole as a share of the image's; `mixup` is both parameters of the beta distribution that mixing
    shares are drawn from; 0 is without.
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

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 2:
            raise ValueError(
                f"epochs >= 1 and batch_size >= 2 must hold, but got epochs={self.epochs}, batch_size={self.batch_size}"
            )
        if not 0 <= self.cutout < 1 or self.mixup < 0:
            raise ValueError(
                f"0 <= cutout < 1 and mixup >= 0 must hold, but got cutout={self.cutout}, mixup={self.mixup}"
            )

    def batch_size_for(self, images: int) -> int:
        """The batch for a training set of `images`: smaller for small sets, so that an epoch has steps to learn in."""
        wanted = 1 << int(math.log2(max(1, images / LEAST_STEPS)))
        return max(2, min(self.batch_size, max(16, wanted), images))

    def learning_rate_at(self, step: int, *, steps: int, steps_per_epoch: int, batch_size: int) -> float:
        """The rate of step `step` out of `steps`, counted from 0."""
        peak = self.learning_rate * math.sqrt(batch_size / 128)
        warmup = min(self.warmup_epochs * steps_per_epoch, steps / 4)
        if step < warmup:
            return peak * (step + 1) / (warmup + 1)
        return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))


def long_recipe(search: Recipe, epochs: int | None) -> Recipe:
    """The recipe of retraining: the search's own, five times as long unless `epochs` says otherwise."""
    return replace(
        search,
        epochs=5 * search.epochs if epochs is None else epochs,
        warmup_epochs=3 * search.warmup_epochs,
    )

"""A training recipe as data: all settings of a training except the network, the images and the seed."""

import math
from dataclasses import asdict, dataclass, fields
from typing import Literal, get_args

LEAST_STEPS = 32
"""The number of steps that an epoch should have. For a small training set, the batch becomes smaller."""


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
"""The lowest and the highest value of each number in a recipe."""

ClassWeights = Literal["none", "balanced"]
Part = int | float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """SGD with Nesterov momentum, linear warm-up, cosine decay to zero, label smoothing.

    `learning_rate` is for a batch of 128 images, and `warmup_epochs` is the length of the warm-up
    (`se_nas.training.learning_rate`). Weight decay does not apply to norms and biases (He et al., arXiv 1812.01187,
    section 3.1). `cutout` is the side of the hole as a fraction of the image's side. `mixup` and `cutmix` are the alpha
    of a symmetric beta distribution, from which mixing shares are drawn. If both are set, each batch uses one of the
    two. RandAugment has a number of operations and a magnitude of 0 to 30 (Cubuk et al., arXiv 1909.13719).
    `ema_decay` is the decay of the weights' moving average; with it, the average is evaluated and saved. The value 0
    turns a setting off. With `class_weights` "balanced", the loss of an image counts in inverse proportion to the
    number of training images of its class.
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
    class_weights: ClassWeights = "none"

    def __post_init__(self) -> None:
        for name, (least, most) in RANGES.items():
            if getattr(self, name) < least or getattr(self, name) > most:
                rule = f"{name} >= {least}" if most == math.inf else f"{least} <= {name} <= {most}"
                raise ValueError(f"{rule} must hold, but got {name}={getattr(self, name)}")
        if self.class_weights not in get_args(ClassWeights):
            raise ValueError(f"class_weights must be none or balanced, but got {self.class_weights!r}")

    @property
    def changes(self) -> dict[str, Part]:
        """The parts that differ from the defaults, without the epochs."""
        parts = {part.name: (getattr(self, part.name), part.default) for part in fields(self) if part.name != "epochs"}
        return {name: value for name, (value, default) in parts.items() if value != default}

    def as_dict(self) -> dict[str, Part]:
        """All parts. Earlier versions knew no class weights, so that these are left out if there are none."""
        parts = asdict(self)
        return {name: value for name, value in parts.items() if name != "class_weights" or value != "none"}

    @property
    def mixes(self) -> bool:
        """Whether images are mixed with others of their batch."""
        return self.mixup > 0 or self.cutmix > 0

    def batch_size_for(self, images: int) -> int:
        """The batch size for a training set of `images`. It is smaller for small sets, so an epoch has enough steps."""
        wanted = 1 << int(math.log2(max(1, images / LEAST_STEPS)))
        return max(2, min(self.batch_size, max(16, wanted), images))

    def ema_decay_at(self, step: int) -> float:
        """The fraction of itself that the average keeps at `step`, counted from 0.

        It is smaller at first, so that the average forgets the start. This is the rule of TensorFlow's
        `ExponentialMovingAverage` with `num_updates`.
        """
        return min(self.ema_decay, (1 + step) / (10 + step))


def part_text(name: str, value: Part) -> str:
    """A part of a recipe for people.

    >>> part_text("learning_rate", 0.2), part_text("class_weights", "balanced")
    ('learning rate 0.2', 'class weights balanced')
    """
    return f"{name.replace('_', ' ')} {value_text(value)}"


def value_text(value: Part) -> str:
    """The value of a part of a recipe for people."""
    return value if isinstance(value, str) else f"{value:g}"

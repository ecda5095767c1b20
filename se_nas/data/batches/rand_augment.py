"""RandAugment (Cubuk et al., arXiv 1909.13719) by torchvision, for images on any device."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from se_nas.seeds import derive_seed

Augment = Callable[[Tensor, int], Tensor]
"""A function that changes images (B, S, S, 3), uint8. Its second argument is a number that decides all draws."""


@dataclass(frozen=True, kw_only=True)
class RandAugment:
    """Applies `operations` random operations of `magnitude` (0 to 30). All images of a call get the same operations."""

    operations: int
    magnitude: int
    seed: int

    def __post_init__(self) -> None:
        self._transform  # noqa: B018 - imports torchvision here, and not in each process that loads images

    def __call__(self, images: Tensor, number: int) -> Tensor:
        """Change images (B, S, S, 3), uint8."""
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(derive_seed(self.seed, number))
            augmented: Tensor = self._transform(images.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return augmented

    @cached_property
    def _transform(self) -> Any:
        from torchvision.transforms import v2

        return v2.RandAugment(self.operations, self.magnitude)

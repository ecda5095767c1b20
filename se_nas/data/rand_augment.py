"""RandAugment (Cubuk et al., arXiv 1909.13719) by torchvision, on images wherever they lie."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from se_nas.seeds import derive_seed

Augment = Callable[[Tensor, int], Tensor]
"""uint8 (B, S, S, 3) to the same; the number decides all draws."""


@dataclass(frozen=True, kw_only=True)
class RandAugment:
    """Applies `operations` random operations of `magnitude`, 0 to 30, the same ones to all images of a call."""

    operations: int
    magnitude: int
    seed: int

    def __post_init__(self) -> None:
        self._transform  # noqa: B018 - torchvision is imported here, and not in each process that loads images

    def __call__(self, images: Tensor, number: int) -> Tensor:
        """uint8 (B, S, S, 3) to the same."""
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(derive_seed(self.seed, number))
            augmented: Tensor = self._transform(images.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return augmented

    @cached_property
    def _transform(self) -> Any:
        from torchvision.transforms import v2

        return v2.RandAugment(self.operations, self.magnitude)

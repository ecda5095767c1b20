"""AttentionModule: the module of channel attention, built from its shape."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from se_nas.space.attention.attention import AttentionShape


class AttentionModule(nn.Module, ABC):
    """Scales each channel of a map by a gate that it computes from the channels' means: (N, C, H, W) -> (N, C, H, W).

    Only convolutions and linear layers count as its cost. Because they work on means, it costs the same at every image
    size. Mixed precision keeps its weights in single precision.
    """

    @classmethod
    @abstractmethod
    def of(cls, shape: AttentionShape) -> "AttentionModule":
        """Build the module of this shape."""

    def initialise(self) -> None:
        """Change the initial weights that the block's family has drawn, if this kind needs others."""

    @abstractmethod
    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""

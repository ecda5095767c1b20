"""BlockModule: the module of one block, which draws its own initial weights."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from se_nas.models.attention import build_attention
from se_nas.models.initialisation import initialise_by_fan_out
from se_nas.space.parts.stage import BlockShape


class BlockModule(nn.Module, ABC):
    """The module of one block: (N, width_in, H, W) -> (N, width_out, ...), at the stride of its shape.

    A block must cost the same at every output pixel, as convolutions and pooling do.
    """

    def __init__(self, shape: BlockShape) -> None:
        super().__init__()

    @staticmethod
    def initialise_layer(layer: nn.Module) -> None:
        """Draw one layer's weights from torch's global generator, as the published networks of the family do.

        The stem is drawn as the first block's family says, and the tail as the last block's family says.
        """
        initialise_by_fan_out(layer)

    def initialise(self) -> None:
        """Draw the block's weights. If the block has a shortcut, this is also where a norm starts at zero, so that the
        block starts as its shortcut."""
        self.apply(self.initialise_layer)

    @abstractmethod
    def forward(self, features: Tensor) -> Tensor:
        """(N, width_in, H, W) -> (N, width_out, ...)."""


class AttendedBlock(BlockModule):
    """A block that registers its attention where it acts, so that parameters have the order of the source library."""

    def __init__(self, shape: BlockShape) -> None:
        super().__init__(shape)
        self.site = None if shape.se is None else str(shape.se.attention.site)

    def attend(self, shape: BlockShape, site: str) -> None:
        """Register the attention, if `site` is its site."""
        if shape.se is not None and self.site == site:
            self.se = nn.ModuleDict({_key(site): build_attention(shape.se)})

    def excite(self, site: str, features: Tensor) -> Tensor:
        """Apply the attention, if `site` is its site."""
        if self.site != site:
            return features
        excited: Tensor = self.se[_key(site)](features)
        return excited


def _key(site: str) -> str:
    """The name of a site as part of a parameter's name."""
    return site.replace(" ", "_")

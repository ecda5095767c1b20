"""BlockModule: the module of one block, which draws its own initial weights."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from se_nas.space.architecture import BlockShape


class BlockModule(nn.Module, ABC):
    """The module of one block: (N, width_in, H, W) -> (N, width_out, ...), at the stride of its shape.

    A block must cost the same at every output pixel, as convolutions and pooling do.
    """

    def __init__(self, shape: BlockShape) -> None:
        super().__init__()

    @abstractmethod
    def initialise(self) -> None:
        """Draw the block's weights from torch's global generator, as the published networks of its family do.

        If the block has a shortcut, this is also where a norm starts at zero, so that the block starts as its shortcut.
        """

    @abstractmethod
    def forward(self, features: Tensor) -> Tensor:
        """(N, width_in, H, W) -> (N, width_out, ...)."""

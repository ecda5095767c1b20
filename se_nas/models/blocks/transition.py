"""The transition between two dense blocks of a DenseNet: arXiv 1608.06993, section 3."""

from torch import Tensor, nn

from se_nas.models.blocks.block import AttendedBlock
from se_nas.models.initialisation import initialise_by_fan_in
from se_nas.models.normalisation import BatchNorm
from se_nas.space.activation import Activation
from se_nas.space.families.dense import DenseSite
from se_nas.space.parts.stage import BlockShape


class TransitionModule(AttendedBlock):
    """Norm, ReLU, 1×1 convolution and average pooling 2×2, as in torchvision's densenet.py."""

    def __init__(self, shape: BlockShape) -> None:
        super().__init__(shape)
        self.norm = BatchNorm(shape.width_in, activation=Activation.RELU)
        self.conv = nn.Conv2d(shape.width_in, shape.width_out, 1, bias=False)
        self.pool = nn.AvgPool2d(2)
        self.attend(shape, DenseSite.OUTPUT)

    @staticmethod
    def initialise_layer(layer: nn.Module) -> None:
        """Draw one layer's weights as torchvision's densenet.py does."""
        initialise_by_fan_in(layer)

    def forward(self, features: Tensor) -> Tensor:
        """(N, width_in, H, W) -> (N, width_out, H / 2, W / 2), rounded down."""
        return self.excite(DenseSite.OUTPUT, self.pool(self.conv(self.norm(features))))

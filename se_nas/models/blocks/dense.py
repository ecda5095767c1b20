"""The layer of DenseNet: arXiv 1608.06993, section 3, with the order of parameters of torchvision's densenet.py."""

from typing import cast

import torch
from torch import Tensor, nn

from se_nas.models.blocks.block import AttendedBlock
from se_nas.models.initialisation import initialise_by_fan_in
from se_nas.models.normalisation import BatchNorm
from se_nas.space.activation import Activation
from se_nas.space.families.dense import DenseLayer, DenseSite
from se_nas.space.parts.stage import BlockShape


class DenseLayerModule(AttendedBlock):
    """Norm, ReLU and 1×1; norm, ReLU and 3×3. The result follows the maps that entered. Without a bottleneck, only the
    norm, the ReLU and the 3×3."""

    def __init__(self, shape: BlockShape) -> None:
        super().__init__(shape)
        growth = shape.width_out - shape.width_in
        inner = growth * cast(DenseLayer, shape.family).bottleneck
        self.reduce = nn.Sequential()
        if inner:
            self.reduce.append(BatchNorm(shape.width_in, activation=Activation.RELU))
            self.reduce.append(nn.Conv2d(shape.width_in, inner, 1, bias=False))
        width = inner or shape.width_in
        self.norm = BatchNorm(width, activation=Activation.RELU)
        self.conv = nn.Conv2d(width, growth, 3, padding=1, bias=False)
        self.attend(shape, DenseSite.NEW_MAPS)
        self.attend(shape, DenseSite.OUTPUT)

    @staticmethod
    def initialise_layer(layer: nn.Module) -> None:
        """Draw one layer's weights as torchvision's densenet.py does."""
        initialise_by_fan_in(layer)

    def forward(self, features: Tensor) -> Tensor:
        """(N, width_in, H, W) -> (N, width_in + growth, H, W)."""
        new = self.excite(DenseSite.NEW_MAPS, self.conv(self.norm(self.reduce(features))))
        return self.excite(DenseSite.OUTPUT, torch.cat([features, new], dim=1))

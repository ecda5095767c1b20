"""Builds the `nn.Module` of an architecture: a stem, the blocks of its stages, and a head."""

from collections import OrderedDict
from itertools import chain

from torch import Tensor, nn

from se_nas.models.blocks import build_block
from se_nas.models.convolution import SpatialConv2d
from se_nas.models.initialisation import initialise_by_fan_out
from se_nas.models.normalisation import BatchNorm
from se_nas.space.architecture import Architecture

IMAGE_CHANNELS = 3


class Head(nn.Module):
    """Global average pooling and a linear classifier: (N, C, H, W) -> (N, num_classes)."""

    def __init__(self, width: int, num_classes: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classify = nn.Linear(width, num_classes)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, num_classes) logits."""
        logits: Tensor = self.classify(self.pool(features).flatten(1))
        return logits


def build_model(architecture: Architecture, *, num_classes: int) -> nn.Module:
    """Build the network and draw its weights from torch's global generator: (N, 3, H, W) -> (N, num_classes) logits.

    Stem and head are initialised as in pycls, and each block as its family is.
    """
    stages = [[build_block(block) for block in blocks] for blocks in architecture.blocks()]
    model = nn.Sequential(
        OrderedDict(
            [
                ("stem", build_stem(architecture.stem_width, architecture.stem_stride)),
                *((f"stage{number}", nn.Sequential(*blocks)) for number, blocks in enumerate(stages, start=1)),
                ("head", Head(architecture.head_width, num_classes)),
            ]
        )
    )
    model.get_submodule("stem").apply(initialise_by_fan_out)
    for block in chain.from_iterable(stages):
        block.initialise()
    model.get_submodule("head").apply(initialise_by_fan_out)
    return model


def build_stem(width: int, stride: int) -> nn.Module:
    """Build 3×3 convolution, batch norm and ReLU: (N, 3, H, W) -> (N, width, ceil(H / stride), ceil(W / stride))."""
    return nn.Sequential(
        SpatialConv2d(IMAGE_CHANNELS, width, 3, stride=stride, padding=1, bias=False),
        BatchNorm(width, relu=True),
    )

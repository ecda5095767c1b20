"""Builds the `nn.Module` of an architecture. Stem and head are those of RegNet; each family has a block module."""

from collections import OrderedDict

from torch import Tensor, nn

from se_nas.models.convolution import SpatialConv2d
from se_nas.models.normalisation import BatchNorm
from se_nas.models.regnet import RegNetBlockModule
from se_nas.space.architecture import Architecture, BlockShape
from se_nas.space.families import BlockFamily, RegNetBlock

IMAGE_CHANNELS = 3

BLOCKS: dict[type[BlockFamily], type[nn.Module]] = {RegNetBlock: RegNetBlockModule}


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

    As in pycls, convolutions are He-normal by fan-out, and the classifier is normal with standard deviation 0.01. The
    last batch norm of each branch starts at zero, so that a block starts as its shortcut (Goyal et al., arXiv
    1706.02677, section 5.1).
    """
    stages = [
        (f"stage{number}", nn.Sequential(*(build_block(block) for block in blocks)))
        for number, blocks in enumerate(architecture.blocks(), start=1)
    ]
    model = nn.Sequential(
        OrderedDict(
            [
                ("stem", build_stem(architecture.stem_width, architecture.stem_stride)),
                *stages,
                ("head", Head(architecture.head_width, num_classes)),
            ]
        )
    )
    model.apply(_initialise)
    return model


def build_stem(width: int, stride: int) -> nn.Module:
    """Build 3×3 convolution, batch norm and ReLU: (N, 3, H, W) -> (N, width, ceil(H / stride), ceil(W / stride))."""
    return nn.Sequential(
        SpatialConv2d(IMAGE_CHANNELS, width, 3, stride=stride, padding=1, bias=False),
        BatchNorm(width, relu=True),
    )


def build_block(shape: BlockShape) -> nn.Module:
    """Build the module of one block, by its family."""
    return BLOCKS[type(shape.family)](shape)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.01)
        nn.init.zeros_(module.bias)
    elif isinstance(module, RegNetBlockModule):
        nn.init.zeros_(module.norm3.weight)

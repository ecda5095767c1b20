"""MobileNetV1: Howard et al., arXiv 1704.04861, table 1. With SE: SENet, arXiv 1709.01507, table 3. PP-LCNet: Cui et
al., arXiv 2109.15099, table 1.

timm's MobileNetV1 have ReLU6, and pytorchcv's have ReLU. The PP-LCNet are timm's.
"""

from collections.abc import Mapping
from functools import partial

from se_nas.space.activation import Activation
from se_nas.space.architecture import Architecture
from se_nas.space.attention.squeeze_excite import SqueezeExciteSpec
from se_nas.space.families.separable import SE_LC, SE_MOBILENET, SeparableBlock
from se_nas.space.parts.stage import Segment, Stage
from se_nas.space.parts.stem import Stem, StemConv
from se_nas.space.parts.tail import NO_TAIL, Tail
from se_nas.space.published.network import PublishedNetwork
from se_nas.space.widths import round_to_multiple

STEM_WIDTH = 32
STAGES = ((64, 1), (128, 2), (256, 2), (512, 6), (1024, 2))
"""The width and the depth of each stage. All stages but the first halve the map."""


LC_STAGES = (
    ((1, 32, 3),),
    ((2, 64, 3),),
    ((2, 128, 3),),
    ((1, 256, 3), (5, 256, 5)),
    ((2, 512, 5),),
)
"""The depth, the width and the kernel of each segment of a PP-LCNet. All stages but the first halve the map."""


def _mobilenet(
    *,
    multiplier: float = 1,
    activation: Activation = Activation.RELU,
    stem_stride: int = 2,
    tail: Tail = NO_TAIL,
    se: SqueezeExciteSpec | None = None,
) -> Architecture:
    block = SeparableBlock(activation=activation)
    stages = [
        Stage.of(block, depth=depth, width=_scaled(width, multiplier), stride=2 if index else 1, se=(se,) * depth)
        for index, (width, depth) in enumerate(STAGES)
    ]
    stem = Stem(
        convs=(StemConv(kernel=3, stride=stem_stride, width=_scaled(STEM_WIDTH, multiplier)),), activation=activation
    )
    return Architecture(stem=stem, stages=tuple(stages), tail=tail)


def _lc(multiplier: float) -> PublishedNetwork:
    return PublishedNetwork(build=partial(_lcnet, multiplier))


def _lcnet(multiplier: float) -> Architecture:
    stages = []
    for index, segments in enumerate(LC_STAGES):
        se = SE_LC if index == len(LC_STAGES) - 1 else None
        parts = (
            Segment(
                block=SeparableBlock(kernel=kernel, activation=Activation.HARD_SWISH),
                depth=depth,
                width=_scaled(width, multiplier),
                stride=2 if index and not part else 1,
                se=(se,) * depth,
            )
            for part, (depth, width, kernel) in enumerate(segments)
        )
        stages.append(Stage(segments=tuple(parts)))
    activation = Activation.HARD_SWISH
    stem = Stem(convs=(StemConv(kernel=3, stride=2, width=_scaled(16, multiplier)),), activation=activation)
    return Architecture(stem=stem, stages=tuple(stages), tail=Tail(hidden=1280, activation=activation))


def _scaled(width: int, multiplier: float) -> int:
    """A width of the network with a width multiplier: timm's multiple of 8. It equals pytorchcv's product for the
    multipliers that pytorchcv has."""
    return round_to_multiple(width * multiplier)


def _of_timm(multiplier: float, *, tail: Tail = NO_TAIL) -> PublishedNetwork:
    return PublishedNetwork(build=partial(_mobilenet, multiplier=multiplier, activation=Activation.RELU6, tail=tail))


def _of_the_paper(multiplier: float, *, se: SqueezeExciteSpec | None = None) -> PublishedNetwork:
    return PublishedNetwork(build=partial(_mobilenet, multiplier=multiplier, se=se))


MOBILENETS_V1: Mapping[str, PublishedNetwork] = {
    "mobilenetv1_100": _of_timm(1),
    "mobilenetv1_100h": _of_timm(1, tail=Tail(conv=1024, activation=Activation.RELU6)),
    "mobilenetv1_125": _of_timm(1.25),
    "mobilenet_w1": _of_the_paper(1),
    "mobilenet_w3d4": _of_the_paper(0.75),
    "mobilenet_wd2": _of_the_paper(0.5),
    "mobilenet_wd4": _of_the_paper(0.25),
    "se_mobilenet_w1": _of_the_paper(1, se=SE_MOBILENET),
    "lcnet_035": _lc(0.35),
    "lcnet_050": _lc(0.5),
    "lcnet_075": _lc(0.75),
    "lcnet_100": _lc(1),
    "lcnet_150": _lc(1.5),
    "mobilenet_w1_cifar10": PublishedNetwork(build=partial(_mobilenet, stem_stride=1), image_size=32, classes=10),
}

"""ShuffleNetV1 (Zhang et al., arXiv 1707.01083, table 1) and ShuffleNetV2 (Ma et al., arXiv 1807.11164, table 5).

`shufflenet_g3_w1` has the form of pytorchcv's names: groups, and a width multiplier that also scales the stem.
`shufflenet_v1_x1_0_g3` is megvii-model/ShuffleNet-Series, whose classifier has no biases. `shufflenet_v2_x1_0` is
torchvision's. With SE: SENet, arXiv 1709.01507, table 3.
"""

from collections.abc import Mapping, Sequence
from functools import partial

from se_nas.space.architecture import Architecture
from se_nas.space.attention.squeeze_excite import SqueezeExciteSpec
from se_nas.space.families.shuffle_v1 import SE_SHUFFLENET, ShuffleV1Block
from se_nas.space.families.shuffle_v2 import ShuffleV2Block
from se_nas.space.parts.stage import Stage
from se_nas.space.parts.stem import Pool, Stem, StemConv
from se_nas.space.parts.tail import NO_TAIL, Tail
from se_nas.space.published.network import PublishedNetwork

STEM_WIDTH = 24
DEPTHS = (4, 8, 4)

FIRST_WIDTHS = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}
"""The width of the first stage of ShuffleNetV1, by groups. Each later stage has twice the width of the stage before."""


def _stem(width: int) -> Stem:
    return Stem(convs=(StemConv(kernel=3, stride=2, width=width),), pool=Pool.MAX)


def _shufflenet_v1(
    groups: int, widths: Sequence[int], stem: Stem, *, tail: Tail = NO_TAIL, se: SqueezeExciteSpec | None = None
) -> Architecture:
    stages = [
        Stage.of(
            ShuffleV1Block(groups=groups, dense_entry=index == 0), depth=depth, width=width, stride=2, se=(se,) * depth
        )
        for index, (width, depth) in enumerate(zip(widths, DEPTHS, strict=True))
    ]
    return Architecture(stem=stem, stages=tuple(stages), tail=tail)


def _widths(groups: int, multiplier: float) -> tuple[int, ...]:
    return tuple(int(FIRST_WIDTHS[groups] * multiplier) * 2**stage for stage in range(len(DEPTHS)))


def _v1(groups: int, multiplier: float = 1, *, se: SqueezeExciteSpec | None = None) -> PublishedNetwork:
    widths, stem = _widths(groups, multiplier), _stem(int(STEM_WIDTH * multiplier))
    return PublishedNetwork(build=partial(_shufflenet_v1, groups, widths, stem, se=se))


def _v1_of_megvii(groups: int, multiplier: float, stem_width: int) -> PublishedNetwork:
    widths, tail = _widths(groups, multiplier), Tail(classifier_bias=False)
    return PublishedNetwork(build=partial(_shufflenet_v1, groups, widths, _stem(stem_width), tail=tail))


def _shufflenet_v2(widths: Sequence[int], head_width: int) -> Architecture:
    stages = (
        Stage.of(ShuffleV2Block(), depth=depth, width=width, stride=2)
        for width, depth in zip(widths, DEPTHS, strict=True)
    )
    return Architecture(stem=_stem(STEM_WIDTH), stages=tuple(stages), tail=Tail(conv=head_width))


def _v2(*widths: int, head_width: int = 1024) -> PublishedNetwork:
    return PublishedNetwork(build=partial(_shufflenet_v2, widths, head_width))


SHUFFLENETS: Mapping[str, PublishedNetwork] = {
    "shufflenet_g1_w1": _v1(1),
    "shufflenet_g2_w1": _v1(2),
    "shufflenet_g3_w1": _v1(3),
    "shufflenet_g4_w1": _v1(4),
    "shufflenet_g8_w1": _v1(8),
    "shufflenet_g1_w3d4": _v1(1, 0.75),
    "shufflenet_g3_w3d4": _v1(3, 0.75),
    "shufflenet_g1_wd2": _v1(1, 0.5),
    "shufflenet_g3_wd2": _v1(3, 0.5),
    "shufflenet_g1_wd4": _v1(1, 0.25),
    "shufflenet_g3_wd4": _v1(3, 0.25),
    "se_shufflenet_g3_w1": _v1(3, se=SE_SHUFFLENET),
    "shufflenet_g3_w1_cifar10": PublishedNetwork(
        build=partial(_shufflenet_v1, 3, _widths(3, 1), Stem.plain(width=STEM_WIDTH, stride=1)),
        image_size=32,
        classes=10,
    ),
    "shufflenet_v1_x0_5_g3": _v1_of_megvii(3, 0.5, 12),
    "shufflenet_v1_x0_5_g8": _v1_of_megvii(8, 0.5, 16),
    "shufflenet_v1_x1_0_g3": _v1_of_megvii(3, 1, 24),
    "shufflenet_v1_x1_0_g8": _v1_of_megvii(8, 1, 24),
    "shufflenet_v1_x1_5_g3": _v1_of_megvii(3, 1.5, 24),
    "shufflenet_v1_x1_5_g8": _v1_of_megvii(8, 1.5, 24),
    "shufflenet_v1_x2_0_g3": _v1_of_megvii(3, 2, 48),
    "shufflenet_v1_x2_0_g8": _v1_of_megvii(8, 2, 48),
    "shufflenet_v2_x0_5": _v2(48, 96, 192),
    "shufflenet_v2_x1_0": _v2(116, 232, 464),
    "shufflenet_v2_x1_5": _v2(176, 352, 704),
    "shufflenet_v2_x2_0": _v2(244, 488, 976, head_width=2048),
}

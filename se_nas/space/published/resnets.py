"""ResNets for ImageNet: ResNet, ResNeXt, wide ResNet, ResNet-D, ResNet-RS, pre-activation ResNet, and SE variants.

torchvision's networks have torchvision's names, and `seresnet50_v1` is pytorchcv's `seresnet50`, with the stride in the
first 1×1. The other names are timm's; `legacy_...` are timm's ports of the networks that SENet published, and
`resnetv2_...` are pre-activation ResNets. A letter after the number names a stem of three convolutions: `c`; `s`, which
is wider; `d`, which is `c` with pools in the shortcuts; and `t`, which is `d` with convolutions that get wider.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from se_nas.space.architecture import Architecture
from se_nas.space.attention.squeeze_excite import Reference, Rounding, SqueezeExciteSpec
from se_nas.space.families.basic import RECTIFIED, BasicBlock
from se_nas.space.families.bottleneck import BottleneckBlock
from se_nas.space.families.family import BlockFamily
from se_nas.space.families.regnet import Site
from se_nas.space.families.shortcuts import SENET, Shortcut
from se_nas.space.parts.stage import Stage
from se_nas.space.parts.stem import Pool, Stem, StemConv
from se_nas.space.parts.tail import NO_TAIL, Tail
from se_nas.space.published.network import PublishedNetwork

SE_TIMM = SqueezeExciteSpec(site=Site.STANDARD, reduction=16, of=Reference.SITE, rounding=Rounding.EIGHTS)
"""timm's SE of ResNets: a hidden width that is a multiple of 8, at least 8."""
SE_RS = replace(SE_TIMM, reduction=4)
"""The SE of ResNet-RS: Bello et al., arXiv 2103.07579, section 3."""
SE_RECTIFIED = SqueezeExciteSpec(site=RECTIFIED, reduction=16, of=Reference.SITE, rounding=Rounding.FLOOR)
"""The SE of timm's `legacy_seresnet18` and `legacy_seresnet34`."""

DEPTHS: Mapping[int, tuple[int, ...]] = {
    10: (1, 1, 1, 1),
    14: (1, 1, 1, 1),
    18: (2, 2, 2, 2),
    26: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
    200: (3, 24, 36, 3),
    269: (3, 30, 48, 8),
    270: (4, 29, 53, 4),
    350: (4, 36, 72, 4),
    420: (4, 44, 87, 4),
}
"""The depths of the stages by the number of layers: He et al., arXiv 1512.03385, table 1; ResNet-RS, arXiv 2103.07579,
table 9; the others are timm's."""

BASIC_WIDTHS, BOTTLENECK_WIDTHS = (64, 128, 256, 512), (256, 512, 1024, 2048)

STEM = Stem(convs=(StemConv(kernel=7, stride=2, width=64),), pool=Pool.MAX)
CAFFE_STEM = Stem(convs=(StemConv(kernel=7, stride=2, width=64),), pool=Pool.MAX_UNPADDED)


def _convs(*widths: int) -> tuple[StemConv, ...]:
    """3×3 convolutions. The first has stride 2: arXiv 1812.01187, figure 2b."""
    return tuple(StemConv(kernel=3, stride=1 if index else 2, width=width) for index, width in enumerate(widths))


def _deep_stem(*widths: int, pool: Pool = Pool.MAX) -> Stem:
    return Stem(convs=_convs(*widths), pool=pool)


def _ending_bare(stem: Stem) -> Stem:
    """The stem of a pre-activation network, whose first block begins with a norm."""
    *others, last = stem.convs
    return replace(stem, convs=(*others, replace(last, bare=True)))


D_STEM, S_STEM, T_STEM = _deep_stem(32, 32, 64), _deep_stem(64, 64, 128), _deep_stem(24, 32, 64)
RS_STEM = Stem(convs=(*_convs(32, 32, 64), StemConv(kernel=3, stride=2, width=64)))
"""A convolution with stride 2 stands in place of the pool: arXiv 2103.07579, section 3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recipe:
    """What a network is made of."""

    layers: int
    block: BlockFamily
    widths: Sequence[int]
    stem: Stem = STEM
    se: SqueezeExciteSpec | None = None
    tail: Tail = NO_TAIL
    image_size: int = 224

    def build(self) -> Architecture:
        """The network."""
        stages = tuple(
            Stage.of(self.block, depth=depth, width=width, stride=1 if index == 0 else 2, se=(self.se,) * depth)
            for index, (depth, width) in enumerate(zip(DEPTHS[self.layers], self.widths, strict=True))
        )
        return Architecture(stem=self.stem, stages=stages, tail=self.tail)


def _basic(
    layers: int,
    *,
    stem: Stem = STEM,
    se: SqueezeExciteSpec | None = None,
    shortcut: Shortcut = Shortcut.PROJECTION,
    pre_activation: bool = False,
    tail: Tail = NO_TAIL,
    image_size: int = 224,
) -> _Recipe:
    """A network of basic blocks."""
    block = BasicBlock(pre_activation=pre_activation, shortcut=shortcut)
    return _Recipe(layers=layers, block=block, widths=BASIC_WIDTHS, stem=stem, se=se, tail=tail, image_size=image_size)


def _bottleneck(
    layers: int,
    *,
    groups: int = 1,
    base_width: int = 64,
    stem: Stem = STEM,
    se: SqueezeExciteSpec | None = None,
    stride_at: str = "3x3",
    shortcut: Shortcut = Shortcut.PROJECTION,
    halved_entry: bool = False,
    pre_activation: bool = False,
    tail: Tail = NO_TAIL,
    image_size: int = 224,
) -> _Recipe:
    """A network of bottleneck blocks. Its inner width in the first stage is `base_width` · `groups`."""
    block = BottleneckBlock(
        groups=groups,
        bottleneck=BOTTLENECK_WIDTHS[0] / (base_width * groups),
        stride_at=stride_at,
        pre_activation=pre_activation,
        shortcut=shortcut,
        halved_entry=halved_entry,
    )
    return _Recipe(
        layers=layers, block=block, widths=BOTTLENECK_WIDTHS, stem=stem, se=se, tail=tail, image_size=image_size
    )


_senet154 = partial(_bottleneck, 152, groups=64, base_width=4, shortcut=Shortcut.SPATIAL, halved_entry=True)
_basic_d = partial(_basic, stem=D_STEM, shortcut=Shortcut.POOLED)
_basic_v2 = partial(_basic, stem=_ending_bare(STEM), pre_activation=True, tail=Tail(norm=True))
_basic_v2d = partial(_basic_v2, stem=_ending_bare(D_STEM), shortcut=Shortcut.POOLED)
_d = partial(_bottleneck, stem=D_STEM, shortcut=Shortcut.POOLED)
_t = partial(_bottleneck, stem=T_STEM, shortcut=Shortcut.POOLED)
_rs = partial(_bottleneck, stem=RS_STEM, shortcut=Shortcut.POOLED, se=SE_RS)
_v2 = partial(_bottleneck, stem=_ending_bare(STEM), pre_activation=True, tail=Tail(norm=True))
_v2d = partial(_v2, stem=_ending_bare(D_STEM), shortcut=Shortcut.POOLED)

_RECIPES: Mapping[str, _Recipe] = {
    "resnet18": _basic(18),
    "resnet34": _basic(34),
    "resnet50": _bottleneck(50),
    "resnet101": _bottleneck(101),
    "resnet152": _bottleneck(152),
    "resnext50_32x4d": _bottleneck(50, groups=32, base_width=4),
    "resnext101_32x8d": _bottleneck(101, groups=32, base_width=8),
    "resnext101_64x4d": _bottleneck(101, groups=64, base_width=4),
    "wide_resnet50_2": _bottleneck(50, base_width=128),
    "wide_resnet101_2": _bottleneck(101, base_width=128),
    "resnext101_32x4d": _bottleneck(101, groups=32, base_width=4),
    "resnext101_32x16d": _bottleneck(101, groups=32, base_width=16),
    "resnext101_32x32d": _bottleneck(101, groups=32, base_width=32),
    "resnext50d_32x4d": _d(50, groups=32, base_width=4),
    "resnet10t": _basic(10, stem=T_STEM, shortcut=Shortcut.POOLED, image_size=176),
    "resnet14t": _t(14, image_size=176),
    "resnet18d": _basic_d(18),
    "resnet26": _bottleneck(26),
    "resnet26d": _d(26),
    "resnet26t": _t(26, image_size=256),
    "resnet34d": _basic_d(34),
    "resnet50c": _bottleneck(50, stem=D_STEM),
    "resnet50d": _d(50),
    "resnet50s": _bottleneck(50, stem=S_STEM),
    "resnet50t": _t(50),
    "resnet101c": _bottleneck(101, stem=D_STEM),
    "resnet101d": _d(101, image_size=256),
    "resnet101s": _bottleneck(101, stem=S_STEM),
    "resnet152c": _bottleneck(152, stem=D_STEM),
    "resnet152d": _d(152, image_size=256),
    "resnet152s": _bottleneck(152, stem=S_STEM),
    "resnet200": _bottleneck(200),
    "resnet200d": _d(200, image_size=256),
    "resnetv2_18": _basic_v2(18),
    "resnetv2_18d": _basic_v2d(18),
    "resnetv2_34": _basic_v2(34),
    "resnetv2_34d": _basic_v2d(34),
    "resnetv2_50": _v2(50),
    "resnetv2_50d": _v2d(50),
    "resnetv2_50t": _v2(50, stem=_ending_bare(T_STEM), shortcut=Shortcut.POOLED),
    "resnetv2_101": _v2(101),
    "resnetv2_101d": _v2d(101),
    "resnetv2_152": _v2(152),
    "resnetv2_152d": _v2d(152),
    "resnetrs50": _rs(50, image_size=160),
    "resnetrs101": _rs(101, image_size=192),
    "resnetrs152": _rs(152, image_size=256),
    "resnetrs200": _rs(200, image_size=256),
    "resnetrs270": _rs(270, image_size=256),
    "resnetrs350": _rs(350, image_size=288),
    "resnetrs420": _rs(420, image_size=320),
    "seresnet18": _basic(18, se=SE_TIMM),
    "seresnet34": _basic(34, se=SE_TIMM),
    "seresnet50": _bottleneck(50, se=SE_TIMM),
    "seresnet101": _bottleneck(101, se=SE_TIMM),
    "seresnet152": _bottleneck(152, se=SE_TIMM),
    "seresnet50t": _t(50, se=SE_TIMM),
    "seresnet152d": _d(152, se=SE_TIMM, image_size=256),
    "seresnet200d": _d(200, se=SE_TIMM, image_size=256),
    "seresnet269d": _d(269, se=SE_TIMM, image_size=256),
    "seresnext26d_32x4d": _d(26, groups=32, base_width=4, se=SE_TIMM),
    "seresnext26t_32x4d": _t(26, groups=32, base_width=4, se=SE_TIMM),
    "seresnext50_32x4d": _bottleneck(50, groups=32, base_width=4, se=SE_TIMM),
    "seresnext101_32x4d": _bottleneck(101, groups=32, base_width=4, se=SE_TIMM),
    "seresnext101_32x8d": _bottleneck(101, groups=32, base_width=8, se=SE_TIMM),
    "seresnext101_64x4d": _bottleneck(101, groups=64, base_width=4, se=SE_TIMM),
    "seresnext101d_32x8d": _d(101, groups=32, base_width=8, se=SE_TIMM),
    "senet154": _senet154(stem=S_STEM, se=SE_TIMM),
    "legacy_seresnet18": _basic(18, stem=CAFFE_STEM, se=SE_RECTIFIED),
    "legacy_seresnet34": _basic(34, stem=CAFFE_STEM, se=SE_RECTIFIED),
    "legacy_seresnet50": _bottleneck(50, stem=CAFFE_STEM, stride_at="1x1", se=SENET),
    "legacy_seresnet101": _bottleneck(101, stem=CAFFE_STEM, stride_at="1x1", se=SENET),
    "legacy_seresnet152": _bottleneck(152, stem=CAFFE_STEM, stride_at="1x1", se=SENET),
    "legacy_seresnext26_32x4d": _bottleneck(26, groups=32, base_width=4, stem=CAFFE_STEM, se=SENET),
    "legacy_seresnext50_32x4d": _bottleneck(50, groups=32, base_width=4, stem=CAFFE_STEM, se=SENET),
    "legacy_seresnext101_32x4d": _bottleneck(101, groups=32, base_width=4, stem=CAFFE_STEM, se=SENET),
    "legacy_senet154": _senet154(stem=_deep_stem(64, 64, 128, pool=Pool.MAX_UNPADDED), se=SENET),
    "seresnet50_v1": _bottleneck(50, stride_at="1x1", se=SENET),
}

RESNETS: Mapping[str, PublishedNetwork] = {
    name: PublishedNetwork(build=recipe.build, image_size=recipe.image_size) for name, recipe in _RECIPES.items()
}

"""ResNets for ImageNet: ResNet, ResNeXt, wide ResNet, ResNet-D, and their SE variants.

Plain names are torchvision's. `seresnet50` and its like are timm's, `legacy_...` are timm's ports of the networks that
SENet published, and `seresnet50_v1` is pytorchcv's `seresnet50`, with the stride in the first 1×1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from se_nas.space.published.network import PublishedNetwork

SE_TIMM = SqueezeExciteSpec(site=Site.STANDARD, reduction=16, of=Reference.SITE, rounding=Rounding.EIGHTS)
"""timm's SE of ResNets: a hidden width that is a multiple of 8, at least 8."""
SE_RECTIFIED = SqueezeExciteSpec(site=RECTIFIED, reduction=16, of=Reference.SITE, rounding=Rounding.FLOOR)
"""The SE of timm's `legacy_seresnet18` and `legacy_seresnet34`."""

DEPTHS: Mapping[int, tuple[int, ...]] = {
    18: (2, 2, 2, 2),
    26: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
"""The depths of the stages by the number of layers: He et al., arXiv 1512.03385, table 1."""

BASIC_WIDTHS, BOTTLENECK_WIDTHS = (64, 128, 256, 512), (256, 512, 1024, 2048)

STEM = Stem(convs=(StemConv(kernel=7, stride=2, width=64),), pool=Pool.MAX)
CAFFE_STEM = Stem(convs=(StemConv(kernel=7, stride=2, width=64),), pool=Pool.MAX_UNPADDED)


def _deep_stem(width: int, last: int, *, pool: Pool) -> Stem:
    """Three 3×3 convolutions: arXiv 1812.01187, figure 2b."""
    convs = (
        StemConv(kernel=3, stride=2, width=width),
        StemConv(kernel=3, stride=1, width=width),
        StemConv(kernel=3, stride=1, width=last),
    )
    return Stem(convs=convs, pool=pool)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recipe:
    """What a network is made of."""

    layers: int
    block: BlockFamily
    widths: Sequence[int]
    stem: Stem = STEM
    se: SqueezeExciteSpec | None = None

    def build(self) -> Architecture:
        """The network."""
        stages = tuple(
            Stage.of(self.block, depth=depth, width=width, stride=1 if index == 0 else 2, se=(self.se,) * depth)
            for index, (depth, width) in enumerate(zip(DEPTHS[self.layers], self.widths, strict=True))
        )
        return Architecture(stem=self.stem, stages=stages)


_basic = partial(_Recipe, block=BasicBlock(), widths=BASIC_WIDTHS)


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
) -> _Recipe:
    """A network of bottleneck blocks. Its inner width in the first stage is `base_width` · `groups`."""
    block = BottleneckBlock(
        groups=groups,
        bottleneck=BOTTLENECK_WIDTHS[0] / (base_width * groups),
        stride_at=stride_at,
        shortcut=shortcut,
        halved_entry=halved_entry,
    )
    return _Recipe(layers=layers, block=block, widths=BOTTLENECK_WIDTHS, stem=stem, se=se)


_senet154 = partial(_bottleneck, 152, groups=64, base_width=4, shortcut=Shortcut.SPATIAL, halved_entry=True)
_D_STEM = _deep_stem(32, 64, pool=Pool.MAX)

_RECIPES: Mapping[str, _Recipe] = {
    "resnet18": _basic(layers=18),
    "resnet34": _basic(layers=34),
    "resnet50": _bottleneck(50),
    "resnet101": _bottleneck(101),
    "resnet152": _bottleneck(152),
    "resnext50_32x4d": _bottleneck(50, groups=32, base_width=4),
    "resnext101_32x8d": _bottleneck(101, groups=32, base_width=8),
    "resnext101_64x4d": _bottleneck(101, groups=64, base_width=4),
    "wide_resnet50_2": _bottleneck(50, base_width=128),
    "wide_resnet101_2": _bottleneck(101, base_width=128),
    "resnet50d": _bottleneck(50, stem=_D_STEM, shortcut=Shortcut.POOLED),
    "seresnet18": _basic(layers=18, se=SE_TIMM),
    "seresnet34": _basic(layers=34, se=SE_TIMM),
    "seresnet50": _bottleneck(50, se=SE_TIMM),
    "seresnet101": _bottleneck(101, se=SE_TIMM),
    "seresnet152": _bottleneck(152, se=SE_TIMM),
    "seresnext26d_32x4d": _bottleneck(26, groups=32, base_width=4, stem=_D_STEM, shortcut=Shortcut.POOLED, se=SE_TIMM),
    "seresnext50_32x4d": _bottleneck(50, groups=32, base_width=4, se=SE_TIMM),
    "seresnext101_32x8d": _bottleneck(101, groups=32, base_width=8, se=SE_TIMM),
    "senet154": _senet154(stem=_deep_stem(64, 128, pool=Pool.MAX), se=SE_TIMM),
    "legacy_seresnet18": _basic(layers=18, stem=CAFFE_STEM, se=SE_RECTIFIED),
    "legacy_seresnet34": _basic(layers=34, stem=CAFFE_STEM, se=SE_RECTIFIED),
    "legacy_seresnet50": _bottleneck(50, stem=CAFFE_STEM, stride_at="1x1", se=SENET),
    "legacy_seresnet101": _bottleneck(101, stem=CAFFE_STEM, stride_at="1x1", se=SENET),
    "legacy_seresnet152": _bottleneck(152, stem=CAFFE_STEM, stride_at="1x1", se=SENET),
    "legacy_seresnext26_32x4d": _bottleneck(26, groups=32, base_width=4, stem=CAFFE_STEM, se=SENET),
    "legacy_seresnext50_32x4d": _bottleneck(50, groups=32, base_width=4, stem=CAFFE_STEM, se=SENET),
    "legacy_seresnext101_32x4d": _bottleneck(101, groups=32, base_width=4, stem=CAFFE_STEM, se=SENET),
    "legacy_senet154": _senet154(stem=_deep_stem(64, 128, pool=Pool.MAX_UNPADDED), se=SENET),
    "seresnet50_v1": _bottleneck(50, stride_at="1x1", se=SENET),
}

RESNETS: Mapping[str, PublishedNetwork] = {
    name: PublishedNetwork(build=recipe.build) for name, recipe in _RECIPES.items()
}

"""ResNets for the 32 px images of CIFAR: He's, pre-activation, wide, ResNeXt-29, and their SE variants.

The names are pytorchcv's. `..._a` has shortcuts without parameters, as He et al. had on CIFAR (arXiv 1512.03385,
section 4.2, option A); pytorchcv's networks have projections. SENet's ResNets on CIFAR are of pre-activation (arXiv
1709.01507, section 6.3). pytorchcv's `sepreresnet20`, `56` and `110` lack 96 weights of norms that the papers' have.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from se_nas.space.architecture import Architecture
from se_nas.space.attention.attention import ChannelAttention
from se_nas.space.families.basic import BasicBlock
from se_nas.space.families.bottleneck import BottleneckBlock
from se_nas.space.families.family import BlockFamily
from se_nas.space.families.shortcuts import SENET, Shortcut
from se_nas.space.parts.stage import Stage
from se_nas.space.parts.stem import Stem, StemConv
from se_nas.space.parts.tail import NO_TAIL, Tail
from se_nas.space.published.network import PublishedNetwork

SENET_WITHOUT_BIASES = replace(SENET, bias=False)


def _build(
    block: BlockFamily, depth: int, widths: Sequence[int], stem_width: int, se: ChannelAttention | None, *, pre: bool
) -> Architecture:
    """Three stages of `depth` blocks. With `pre`, the stem is bare, and a norm follows the last block."""
    stem = Stem(convs=(StemConv(kernel=3, stride=1, width=stem_width, bare=pre),))
    stages = tuple(
        Stage.of(block, depth=depth, width=width, stride=1 if index == 0 else 2, se=(se,) * depth)
        for index, width in enumerate(widths)
    )
    return Architecture(stem=stem, stages=stages, tail=Tail(norm=True) if pre else NO_TAIL)


def _basic(
    layers: int,
    *,
    pre: bool = False,
    shortcut: Shortcut = Shortcut.PROJECTION,
    se: ChannelAttention | None = None,
    widen: int = 1,
) -> PublishedNetwork:
    """A network of 6n + 2 layers; a wide network counts its shortcuts, so it has 6n + 4."""
    block = BasicBlock(pre_activation=pre, shortcut=shortcut)
    depth = (layers - 4 if widen > 1 else layers - 2) // 6
    widths = (16 * widen, 32 * widen, 64 * widen)
    return _published(partial(_build, block, depth, widths, 16, se, pre=pre))


def _bottleneck(layers: int, *, pre: bool = False, se: ChannelAttention | None = None) -> PublishedNetwork:
    """A network of 9n + 2 layers."""
    block = BottleneckBlock(pre_activation=pre)
    return _published(partial(_build, block, (layers - 2) // 9, (64, 128, 256), 16, se, pre=pre))


def _resnext29(groups: int, base_width: int, se: ChannelAttention | None = None) -> PublishedNetwork:
    """ResNeXt-29 (arXiv 1611.05431, section 5.3). The inner width in the first stage is `groups` · `base_width`."""
    block = BottleneckBlock(groups=groups, bottleneck=256 / (groups * base_width))
    return _published(partial(_build, block, 3, (256, 512, 1024), 64, se, pre=False))


def _published(build: partial[Architecture]) -> PublishedNetwork:
    return PublishedNetwork(build=build, image_size=32, classes=10)


SIZES = (20, 32, 44, 56, 110)


def _of_every_size(name: str, **properties: Any) -> dict[str, PublishedNetwork]:
    """The networks of all `SIZES`. The size stands in place of `{}` in the name."""
    return {name.format(size): _basic(size, **properties) for size in SIZES}


CIFAR_RESNETS: Mapping[str, PublishedNetwork] = {
    **_of_every_size("resnet{}_cifar10"),
    **_of_every_size("resnet{}_a_cifar10", shortcut=Shortcut.PAD),
    **_of_every_size("preresnet{}_cifar10", pre=True),
    **_of_every_size("preresnet{}_a_cifar10", pre=True, shortcut=Shortcut.PAD),
    **_of_every_size("seresnet{}_cifar10", se=SENET),
    **_of_every_size("sepreresnet{}_cifar10", pre=True, se=SENET),
    **_of_every_size("sepreresnet{}_no_bias_cifar10", pre=True, se=SENET_WITHOUT_BIASES),
    "resnet164bn_cifar10": _bottleneck(164),
    "resnet1001_cifar10": _bottleneck(1001),
    "preresnet164bn_cifar10": _bottleneck(164, pre=True),
    "seresnet164bn_cifar10": _bottleneck(164, se=SENET),
    "sepreresnet164bn_cifar10": _bottleneck(164, pre=True, se=SENET),
    "sepreresnet164bn_no_bias_cifar10": _bottleneck(164, pre=True, se=SENET_WITHOUT_BIASES),
    "wrn16_4_cifar10": _basic(16, pre=True, widen=4),
    "wrn16_8_cifar10": _basic(16, pre=True, widen=8),
    "wrn16_10_cifar10": _basic(16, pre=True, widen=10),
    "wrn28_10_cifar10": _basic(28, pre=True, widen=10),
    "wrn40_4_cifar10": _basic(40, pre=True, widen=4),
    "se_wrn16_8_cifar10": _basic(16, pre=True, widen=8, se=SENET),
    "resnext29_32x4d_cifar10": _resnext29(32, 4),
    "resnext29_8x64d_cifar10": _resnext29(8, 64),
    "resnext29_16x64d_cifar10": _resnext29(16, 64),
    "se_resnext29_8x64d_cifar10": _resnext29(8, 64, se=SENET),
}

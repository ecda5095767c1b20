"""DenseNets for ImageNet and for CIFAR: Huang et al., "Densely Connected Convolutional Networks", arXiv 1608.06993.

The networks for ImageNet are torchvision's, and timm's `densenet264d`. Those for CIFAR-10 have the names of pytorchcv.
Its networks without bottleneck compress at their transitions, but the paper's do not, so the paper's networks have
names of their own: `densenet40_k12_paper_cifar10`.
"""

from collections.abc import Mapping, Sequence
from functools import partial

from se_nas.space.architecture import Architecture
from se_nas.space.attention.squeeze_excite import SqueezeExciteSpec
from se_nas.space.families.dense import SE_DENSENET, DenseLayer
from se_nas.space.families.transition import Transition
from se_nas.space.parts.stage import Segment, Stage
from se_nas.space.parts.stem import Pool, Stem, StemConv
from se_nas.space.parts.tail import Tail
from se_nas.space.published.network import PublishedNetwork


def _densenet(
    stem: Stem,
    *,
    growth: int,
    layers: Sequence[int],
    bottleneck: int = 4,
    compression: float = 0.5,
    se: SqueezeExciteSpec | None = None,
) -> Architecture:
    layer = DenseLayer(bottleneck=bottleneck)
    transition = Segment(block=Transition(compression=compression), depth=1, width=1, stride=2, se=(None,))
    stages = []
    for number, depth in enumerate(layers):
        dense = Segment(block=layer, depth=depth, width=growth, stride=1, se=(se,) * depth)
        stages.append(Stage(segments=(transition, dense) if number else (dense,)))
    return Architecture(stem=stem, stages=tuple(stages), tail=Tail(norm=True))


def _for_imagenet(growth: int, *layers: int, stem: Stem | None = None) -> PublishedNetwork:
    """Section 3, table 1. The stem has twice the growth rate."""
    usual = Stem(convs=(StemConv(kernel=7, stride=2, width=2 * growth),), pool=Pool.MAX)
    return PublishedNetwork(build=partial(_densenet, stem or usual, growth=growth, layers=layers))


def _deep_stem(growth: int) -> Stem:
    """timm's densenet.py, `stem_type="deep"`."""
    widths = (growth, growth, 2 * growth)
    convs = (StemConv(kernel=3, stride=1 if index else 2, width=width) for index, width in enumerate(widths))
    return Stem(convs=tuple(convs), pool=Pool.MAX)


def _for_cifar(
    depth: int,
    growth: int,
    *,
    bottleneck: int = 0,
    compression: float = 0.5,
    stem_width: int | None = None,
    se: SqueezeExciteSpec | None = None,
) -> PublishedNetwork:
    """Section 4.2: three dense blocks; `depth` counts the convolutions and the classifier."""
    layers = (depth - 4) // (6 if bottleneck else 3)
    stem = Stem(convs=(StemConv(kernel=3, stride=1, width=stem_width or 2 * growth, bare=True),))
    build = partial(
        _densenet, stem, growth=growth, layers=(layers,) * 3, bottleneck=bottleneck, compression=compression, se=se
    )
    return PublishedNetwork(build=build, image_size=32, classes=10)


DENSENETS: Mapping[str, PublishedNetwork] = {
    "densenet121": _for_imagenet(32, 6, 12, 24, 16),
    "densenet161": _for_imagenet(48, 6, 12, 36, 24),
    "densenet169": _for_imagenet(32, 6, 12, 32, 32),
    "densenet201": _for_imagenet(32, 6, 12, 48, 32),
    "densenet264d": _for_imagenet(48, 6, 12, 64, 48, stem=_deep_stem(48)),
    "densenet40_k12_cifar10": _for_cifar(40, 12),
    "densenet40_k24_cifar10": _for_cifar(40, 24),
    "densenet40_k36_cifar10": _for_cifar(40, 36),
    "densenet100_k12_cifar10": _for_cifar(100, 12),
    "densenet100_k24_cifar10": _for_cifar(100, 24),
    "densenet40_k12_bc_cifar10": _for_cifar(40, 12, bottleneck=4),
    "densenet40_k24_bc_cifar10": _for_cifar(40, 24, bottleneck=4),
    "densenet40_k36_bc_cifar10": _for_cifar(40, 36, bottleneck=4),
    "densenet100_k12_bc_cifar10": _for_cifar(100, 12, bottleneck=4),
    "densenet190_k40_bc_cifar10": _for_cifar(190, 40, bottleneck=4),
    "densenet250_k24_bc_cifar10": _for_cifar(250, 24, bottleneck=4),
    "densenet40_k12_paper_cifar10": _for_cifar(40, 12, compression=1, stem_width=16),
    "densenet100_k12_paper_cifar10": _for_cifar(100, 12, compression=1, stem_width=16),
    "densenet100_k24_paper_cifar10": _for_cifar(100, 24, compression=1, stem_width=16),
    "se_densenet100_k12_bc_cifar10": _for_cifar(100, 12, bottleneck=4, se=SE_DENSENET),
}

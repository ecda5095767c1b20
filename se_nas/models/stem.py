"""The stem of a network: convolutions on the image, and a pool."""

from itertools import chain

from torch import nn

from se_nas.models.convolution import SpatialConv2d
from se_nas.models.normalisation import BatchNorm
from se_nas.space.parts.stem import Pool, Stem

IMAGE_CHANNELS = 3


def build_stem(stem: Stem) -> nn.Sequential:
    """Build the layers: (N, 3, H, W) -> (N, stem.width, H / stem.stride, W / stem.stride), rounded up.

    Convolutions without padding lose pixels at the border.
    """
    widths = [IMAGE_CHANNELS, *(conv.width for conv in stem.convs)]
    layers = []
    for width_in, conv in zip(widths, stem.convs, strict=False):
        padding = conv.kernel // 2 if conv.padded else 0
        convolve = SpatialConv2d(width_in, conv.width, conv.kernel, stride=conv.stride, padding=padding, bias=False)
        norm = [] if conv.bare else [BatchNorm(conv.width, activation=stem.activation)]
        layers.append([convolve, *norm])
    return nn.Sequential(*chain.from_iterable(layers), *_pool(stem.pool))


def _pool(pool: Pool) -> list[nn.Module]:
    match pool:
        case Pool.NONE:
            return []
        case Pool.MAX:
            return [nn.MaxPool2d(3, stride=2, padding=1)]
        case Pool.MAX_UNPADDED:
            return [nn.MaxPool2d(3, stride=2, ceil_mode=True)]

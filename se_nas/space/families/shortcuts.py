"""The shortcuts of residual blocks, where the block changes the stride or the width. Elsewhere a shortcut is the
identity."""

from enum import StrEnum

from se_nas.space.attention.squeeze_excite import Reference, Rounding, SqueezeExciteSpec
from se_nas.space.families.regnet import Site
from se_nas.space.settings import Key, choice_of


class Shortcut(StrEnum):
    """The layers of a shortcut that changes the stride or the width, by the name that files use."""

    PROJECTION = "projection"
    """A 1×1 convolution with the stride: option B of He et al., arXiv 1512.03385, section 3.3."""
    PAD = "pad"
    """Every stride-th pixel, and zeros for the new channels: option A, ibid., section 4.2."""
    POOLED = "pooled"
    """An average pool with the stride, then a 1×1 convolution: ResNet-D, He et al., arXiv 1812.01187, figure 2c."""
    SPATIAL = "3x3"
    """A 3×3 convolution with the stride, and a 1×1 convolution without a stride (SENet-154)."""


SENET = SqueezeExciteSpec(site=Site.STANDARD, reduction=16, of=Reference.SITE, rounding=Rounding.FLOOR)
"""SE as in SENet: on the branch before the addition, with a sixteenth of its channels (arXiv 1709.01507, figure 3)."""

SHORTCUT = Key(choice_of(Shortcut), default=Shortcut.PROJECTION)


def changes_shape(*, width_in: int, width_out: int, stride: int) -> bool:
    """Whether a shortcut must change the stride or the width."""
    return stride != 1 or width_in != width_out


def check_widths(shortcut: str, *, width_in: int, width_out: int) -> None:
    """Check the widths of a block. ValueError if a shortcut that adds channels would have to remove some."""
    if shortcut == Shortcut.PAD and width_out < width_in:
        raise ValueError(f"a shortcut of kind 'pad' cannot go from {width_in} channels to only {width_out}")

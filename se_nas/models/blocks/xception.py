"""The block of Xception: arXiv 1610.02357, figure 5, with the order of parameters of timm's xception.py."""

from itertools import pairwise
from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F

from se_nas.models.blocks.block import AttendedBlock
from se_nas.models.convolution import PointwiseConv2d
from se_nas.models.initialisation import initialise_by_fan_out
from se_nas.models.normalisation import BatchNorm
from se_nas.space.activation import Activation
from se_nas.space.families.xception import Form, XceptionBlock, XceptionSite
from se_nas.space.parts.stage import BlockShape


class XceptionBlockModule(AttendedBlock):
    """Separable convolutions, each with norm, and a max-pool that applies the stride, beside a shortcut.

    There is neither norm nor activation between a depthwise and its 1×1 convolution.
    """

    def __init__(self, shape: BlockShape) -> None:
        super().__init__(shape)
        family = cast(XceptionBlock, shape.family)
        self.starts_with_relu = family.form == Form.RESIDUAL
        self.shortcut = _shortcut(shape) if family.has_shortcut else None
        self.attend(shape, XceptionSite.IDENTITY)
        self.attend(shape, XceptionSite.PRE)
        widths = (shape.width_in, *family.widths(width_in=shape.width_in, width_out=shape.width_out))
        layers: list[nn.Module] = []
        for width_in, width_out in pairwise(widths[:-1]):
            layers += _separable(width_in, width_out)
            layers.append(BatchNorm(width_out, activation=Activation.RELU))
        self.branch = nn.Sequential(*layers, *_separable(widths[-2], widths[-1]))
        self.norm = BatchNorm(widths[-1], activation=None if family.has_shortcut else Activation.RELU)
        self.pool = nn.MaxPool2d(3, stride=shape.stride, padding=1) if shape.stride > 1 else nn.Identity()
        self.attend(shape, XceptionSite.STANDARD)
        self.attend(shape, XceptionSite.POST)
        self.joins_in_norm = shape.stride == 1 and self.site != XceptionSite.STANDARD

    @staticmethod
    def initialise_layer(layer: nn.Module) -> None:
        """Draw one layer's weights as timm's xception.py does: convolutions are He-normal by fan-out, and linear layers
        have torch's usual weights. No norm starts at zero there."""
        if isinstance(layer, nn.Linear):
            layer.reset_parameters()
        else:
            initialise_by_fan_out(layer)

    def forward(self, features: Tensor) -> Tensor:
        """(N, width_in, H, W) -> (N, width_out, ceil(H / stride), ceil(W / stride))."""
        entering = self.excite(XceptionSite.PRE, features)
        branch = self.branch(F.relu(entering) if self.starts_with_relu else entering)
        if self.shortcut is None:
            return self.excite(XceptionSite.STANDARD, self.pool(self.norm(branch)))
        shortcut = self.excite(XceptionSite.IDENTITY, self.shortcut(features))
        if self.joins_in_norm:
            joined = self.norm(branch, shortcut)
        else:
            joined = self.excite(XceptionSite.STANDARD, self.pool(self.norm(branch))) + shortcut
        return self.excite(XceptionSite.POST, joined)


def _separable(width_in: int, width_out: int) -> list[nn.Module]:
    return [
        nn.Conv2d(width_in, width_in, 3, padding=1, groups=width_in, bias=False),
        nn.Conv2d(width_in, width_out, 1, bias=False),
    ]


def _shortcut(shape: BlockShape) -> nn.Module:
    if shape.stride == 1 and shape.width_in == shape.width_out:
        return nn.Identity()
    return nn.Sequential(
        PointwiseConv2d(shape.width_in, shape.width_out, stride=shape.stride),
        BatchNorm(shape.width_out),
    )

"""The X and Y blocks of RegNet: arXiv 2003.13678, figure 4, with the layers of facebookresearch/pycls,
models/anynet.py."""

from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F

from se_nas.models.attention import build_attention
from se_nas.models.blocks.block import BlockModule
from se_nas.models.convolution import GroupedConv2d, PointwiseConv2d
from se_nas.models.initialisation import initialise_by_fan_out
from se_nas.models.normalisation import BatchNorm
from se_nas.space.activation import Activation
from se_nas.space.families.regnet import RegNetBlock, Site
from se_nas.space.parts.stage import BlockShape


class RegNetBlockModule(BlockModule):
    """Convolutions 1×1, grouped 3×3 and 1×1, beside a shortcut, with attention at the site that `shape` names.

    Parameters have the order of torchvision's RegNet, so weights can be copied by order.
    """

    def __init__(self, shape: BlockShape) -> None:
        super().__init__(shape)
        family = cast(RegNetBlock, shape.family)
        inner, group_width = family.inner_width(shape.width_out), family.group_width
        self.shortcut = _shortcut(shape)
        self.conv1 = nn.Conv2d(shape.width_in, inner, 1, bias=False)
        self.norm1 = BatchNorm(inner, activation=Activation.RELU)
        self.conv2 = GroupedConv2d(
            inner, inner, 3, stride=shape.stride, padding=1, groups=inner // group_width, bias=False
        )
        self.norm2 = BatchNorm(inner, activation=Activation.RELU)
        self.se = nn.ModuleDict()
        if shape.se is not None:
            self.se[str(shape.se.attention.site)] = build_attention(shape.se)
        self.conv3 = nn.Conv2d(inner, shape.width_out, 1, bias=False)
        self.norm3 = BatchNorm(shape.width_out, activation=None if Site.STANDARD.value in self.se else Activation.RELU)

    def initialise(self) -> None:
        """Draw the weights as pycls does. The last norm of the branch starts at zero, so that the block starts as its
        shortcut (Goyal et al., arXiv 1706.02677, section 5.1)."""
        self.apply(initialise_by_fan_out)
        nn.init.zeros_(self.norm3.weight)

    def forward(self, features: Tensor) -> Tensor:
        """(N, width_in, H, W) -> (N, width_out, ceil(H / stride), ceil(W / stride))."""
        shortcut = self._excite(Site.IDENTITY, self.shortcut(features))
        branch = self.norm1(self.conv1(self._excite(Site.PRE, features)))
        branch = self.conv3(self._excite(Site.INNER, self.norm2(self.conv2(branch))))
        if Site.STANDARD.value in self.se:
            joined = F.relu(shortcut + self._excite(Site.STANDARD, self.norm3(branch)), inplace=True)
        else:
            joined = self.norm3(branch, shortcut)
        return self._excite(Site.POST, joined)

    def _excite(self, site: Site, features: Tensor) -> Tensor:
        if site.value in self.se:
            excited: Tensor = self.se[site.value](features)
            return excited
        return features


def _shortcut(shape: BlockShape) -> nn.Module:
    if shape.stride == 1 and shape.width_in == shape.width_out:
        return nn.Identity()
    return nn.Sequential(
        PointwiseConv2d(shape.width_in, shape.width_out, stride=shape.stride),
        BatchNorm(shape.width_out),
    )

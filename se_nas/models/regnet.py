"""RegNet's X and Y block: arXiv 2003.13678, figure 4; layer by layer as in facebookresearch/pycls, models/anynet.py."""

from torch import Tensor, nn
from torch.nn import functional as F

from se_nas.models.squeeze_excite import SqueezeExcite
from se_nas.space.architecture import BlockShape
from se_nas.space.squeeze_excite import Site


class RegNetBlockModule(nn.Module):
    """1×1, grouped 3×3, 1×1 around a shortcut, with SE at the site that `shape` names.

    Parameters stand in the order of torchvision's RegNet, so weights can be copied by order.
    """

    def __init__(self, shape: BlockShape) -> None:
        super().__init__()
        inner, group_width = shape.family.inner_width(shape.width_out), shape.family.group_width
        self.shortcut = _shortcut(shape)
        self.conv1 = nn.Conv2d(shape.width_in, inner, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride=shape.stride, padding=1, groups=inner // group_width, bias=False)
        self.norm2 = nn.BatchNorm2d(inner)
        self.se = nn.ModuleDict()
        if shape.se is not None:
            self.se[shape.se.site.value] = SqueezeExcite(shape.se.channels, shape.se.hidden)
        self.conv3 = nn.Conv2d(inner, shape.width_out, 1, bias=False)
        self.norm3 = nn.BatchNorm2d(shape.width_out)

    def forward(self, features: Tensor) -> Tensor:
        """(N, width_in, H, W) -> (N, width_out, ceil(H / stride), ceil(W / stride))."""
        branch = F.relu(self.norm1(self.conv1(self._excite(Site.PRE, features))), inplace=True)
        branch = self._excite(Site.INNER, F.relu(self.norm2(self.conv2(branch)), inplace=True))
        branch = self._excite(Site.STANDARD, self.norm3(self.conv3(branch)))
        shortcut = self._excite(Site.IDENTITY, self.shortcut(features))
        return self._excite(Site.POST, F.relu(shortcut + branch, inplace=True))

    def _excite(self, site: Site, features: Tensor) -> Tensor:
        if site.value in self.se:
            excited: Tensor = self.se[site.value](features)
            return excited
        return features


def _shortcut(shape: BlockShape) -> nn.Module:
    if shape.stride == 1 and shape.width_in == shape.width_out:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(shape.width_in, shape.width_out, 1, stride=shape.stride, bias=False),
        nn.BatchNorm2d(shape.width_out),
    )

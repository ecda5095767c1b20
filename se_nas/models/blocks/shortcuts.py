"""The modules of shortcuts in residual blocks."""

from torch import Tensor, nn
from torch.nn import functional as F

from se_nas.models.convolution import PointwiseConv2d, SpatialConv2d
from se_nas.models.normalisation import BatchNorm
from se_nas.space.families.shortcuts import Shortcut, changes_shape
from se_nas.space.parts.stage import BlockShape


class PaddedShortcut(nn.Module):
    """Every stride-th pixel, and zeros for the new channels: (N, C, H, W) -> (N, C + more, H / stride, W / stride)."""

    def __init__(self, more: int, stride: int) -> None:
        super().__init__()
        self.more, self.stride = more, stride

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C + more, ceil(H / stride), ceil(W / stride))."""
        return F.pad(features[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))


def build_shortcut(kind: Shortcut, shape: BlockShape, *, norm: bool) -> nn.Module:
    """Build the shortcut of a block, with batch norm behind its convolution if `norm`."""
    width_in, width_out, stride = shape.width_in, shape.width_out, shape.stride
    if not changes_shape(width_in=width_in, width_out=width_out, stride=stride):
        return nn.Identity()
    layers: list[nn.Module] = []
    match kind:
        case Shortcut.PAD:
            return PaddedShortcut(width_out - width_in, stride)
        case Shortcut.PROJECTION:
            layers = [PointwiseConv2d(width_in, width_out, stride=stride)]
        case Shortcut.POOLED:
            pool = nn.AvgPool2d(stride, stride, ceil_mode=True, count_include_pad=False)
            layers = [*([pool] if stride > 1 else []), PointwiseConv2d(width_in, width_out)]
        case Shortcut.SPATIAL if stride > 1:
            layers = [SpatialConv2d(width_in, width_out, 3, stride=stride, padding=1, bias=False)]
        case Shortcut.SPATIAL:
            layers = [PointwiseConv2d(width_in, width_out)]
    return nn.Sequential(*layers, *([BatchNorm(width_out)] if norm else []))

"""The Squeeze-and-Excitation module: SENet, arXiv 1709.01507, equations 2–4."""

from torch import Tensor, nn
from torch.nn import functional as F

from se_nas.models.attention.module import AttentionModule
from se_nas.models.excitation import excite
from se_nas.models.kernels.choice import is_traced
from se_nas.space.attention.attention import AttentionShape


class SqueezeExcite(AttentionModule):
    """Scales each channel by a gate in (0, 1), computed from the means of all channels: (N, C, H, W) -> (N, C, H, W).

    Squeeze: global average pooling (equation 2). Excitation: 1×1 to `hidden` channels, ReLU, 1×1 back, sigmoid
    (equation 3). Scale: equation 4. The 1×1 convolutions have biases, as in nearly all published networks.
    Under autocast the gate is still computed in single precision, and the result has the type of the features.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, hidden, 1)
        self.expand = nn.Conv2d(hidden, channels, 1)

    @classmethod
    def of(cls, shape: AttentionShape) -> "SqueezeExcite":
        """Build the module for the channels of its site."""
        return cls(shape.channels, shape.hidden)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        if is_traced():
            return self.forward_in_stock_operators(features)
        return excite(features, *_matrix(self.reduce), *_matrix(self.expand))

    def forward_in_stock_operators(self, features: Tensor) -> Tensor:
        """Compute the same by the definition, for exporters, compilers and FLOP counters that read the graph."""
        squeezed = F.adaptive_avg_pool2d(features, 1)
        gate: Tensor = self.expand(F.relu(self.reduce(squeezed))).sigmoid()
        return features * gate


def _matrix(layer: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """The weight of a 1×1 convolution as (channels out, channels in), and its bias."""
    assert layer.bias is not None
    return layer.weight.flatten(1), layer.bias

"""The Squeeze-and-Excitation module: SENet, arXiv 1709.01507, equations 2–4."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from se_nas.models.activation import activate
from se_nas.models.attention.module import AttentionModule
from se_nas.models.excitation import excite
from se_nas.models.kernels.choice import is_traced
from se_nas.space.activation import Activation
from se_nas.space.attention.attention import AttentionShape
from se_nas.space.attention.squeeze_excite import Gate, SqueezeExciteSpec


class SqueezeExcite(AttentionModule):
    """Scales each channel by a gate, computed from the means of all channels: (N, C, H, W) -> (N, C, H, W).

    Squeeze: global average pooling (equation 2). Excitation: 1×1 to `hidden` channels, activation, 1×1 back, gate
    (equation 3; ReLU and sigmoid unless the design says otherwise). Scale: equation 4. Under autocast the gate is still
    computed in single precision, and the result has the type of the features.
    """

    def __init__(
        self,
        channels: int,
        hidden: int,
        *,
        activation: Activation = Activation.RELU,
        gate: Gate = Gate.SIGMOID,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, hidden, 1, bias=bias)
        self.expand = nn.Conv2d(hidden, channels, 1, bias=bias)
        self.activation, self.gate = activation, gate
        self.has_own_gradient = activation is Activation.RELU and gate is Gate.SIGMOID and bias

    @classmethod
    def of(cls, shape: AttentionShape) -> "SqueezeExcite":
        """Build the module for the channels of its site."""
        spec = shape.attention
        assert isinstance(spec, SqueezeExciteSpec)
        return cls(
            shape.channels,
            shape.hidden,
            activation=Activation(spec.activation),
            gate=Gate(spec.gate),
            bias=spec.bias,
        )

    def initialise(self) -> None:
        """Set the last layer to zero, if the gate must start at 1."""
        if self.gate is Gate.TWICE_SIGMOID:
            for parameter in self.expand.parameters():
                nn.init.zeros_(parameter)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        if is_traced():
            return self.forward_in_stock_operators(features)
        if self.has_own_gradient:
            return excite(features, *_matrix(self.reduce), *_matrix(self.expand))
        with torch.autocast("cuda" if features.is_cuda else "cpu", enabled=False):  # "meta" has no autocast
            gate = self._gate(features.mean((2, 3), keepdim=True, dtype=self.reduce.weight.dtype))
        return features * gate.to(features.dtype)

    def narrowed(self, features: Tensor, hidden: int) -> Tensor:
        """Compute SE with the first `hidden` channels of the hidden layer alone: (N, C, H, W) -> (N, C, H, W)."""
        reduce, expand = self.reduce.weight[:hidden], self.expand.weight[:, :hidden]
        reduce_bias = None if self.reduce.bias is None else self.reduce.bias[:hidden]
        if self.has_own_gradient:
            assert reduce_bias is not None
            return excite(features, reduce.flatten(1), reduce_bias, expand.flatten(1), _matrix(self.expand)[1])
        with torch.autocast("cuda" if features.is_cuda else "cpu", enabled=False):
            squeezed = features.mean((2, 3), keepdim=True, dtype=reduce.dtype)
            between = activate(F.conv2d(squeezed, reduce, reduce_bias), self.activation)
            gate = GATES[self.gate](F.conv2d(between, expand, self.expand.bias))
        return features * gate.to(features.dtype)

    def forward_in_stock_operators(self, features: Tensor) -> Tensor:
        """Compute the same by the definition, for exporters, compilers and FLOP counters that read the graph."""
        return features * self._gate(F.adaptive_avg_pool2d(features, 1))

    def _gate(self, squeezed: Tensor) -> Tensor:
        """(N, C, 1, 1) -> (N, C, 1, 1)."""
        excited: Tensor = self.expand(activate(self.reduce(squeezed), self.activation))
        return GATES[self.gate](excited)


GATES: dict[Gate, Callable[[Tensor], Tensor]] = {
    Gate.SIGMOID: torch.sigmoid,
    Gate.HARD_SIGMOID: F.hardsigmoid,
    Gate.TWICE_SIGMOID: lambda excited: 2 * excited.sigmoid(),
}


def _matrix(layer: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """The weight of a 1×1 convolution as (channels out, channels in), and its bias."""
    assert layer.bias is not None
    return layer.weight.flatten(1), layer.bias

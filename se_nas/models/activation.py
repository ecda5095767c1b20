"""The activation functions, by name."""

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F

from se_nas.space.activation import Activation


def _relu(features: Tensor) -> Tensor:
    return F.relu(features, inplace=True)


def _relu6(features: Tensor) -> Tensor:
    return F.relu6(features, inplace=True)


def _silu(features: Tensor) -> Tensor:
    return F.silu(features)  # its gradient needs what entered it


def _hard_swish(features: Tensor) -> Tensor:
    return F.hardswish(features)


ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    Activation.RELU: _relu,
    Activation.RELU6: _relu6,
    Activation.SILU: _silu,
    Activation.HARD_SWISH: _hard_swish,
}


def activate(features: Tensor, activation: Activation | None) -> Tensor:
    """Apply an activation; None changes nothing. ReLU and ReLU6 work in place, which is right after a norm or a sum."""
    return features if activation is None else ACTIVATIONS[activation](features)

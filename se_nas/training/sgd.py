"""SGD with Nesterov momentum by torch's fused kernels, as `torch.optim.SGD` has it.

Without the latter, since the first `torch.optim.Optimizer` of a process loads torch's compiler: two seconds of every
worker's start, and with some versions of torch its frames, and the network in them, stay in memory for ever.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim.sgd import sgd


class Sgd:
    """Weight decay spares norms and biases (He et al., arXiv 1812.01187, section 3.1). `rate` (): a tensor, so that a
    recorded step sees it change. `momenta` holds those of the weights that were stepped."""

    def __init__(self, weights: Sequence[nn.Parameter], *, rate: Tensor, momentum: float, weight_decay: float) -> None:
        self.momenta: dict[nn.Parameter, Tensor] = {}
        self._rate, self._momentum = rate, momentum
        self._groups = [
            ([weight for weight in weights if weight.ndim > 1], weight_decay),
            ([weight for weight in weights if weight.ndim <= 1], 0.0),
        ]

    def forget_gradients(self) -> None:
        """Before a backward pass."""
        for weights, _ in self._groups:
            for weight in weights:
                weight.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Once; weights without a gradient stay."""
        for weights, weight_decay in self._groups:
            moved = [weight for weight in weights if weight.grad is not None]
            momenta = [self.momenta.get(weight) for weight in moved]
            sgd(
                list(moved),
                [weight.grad for weight in moved if weight.grad is not None],
                momenta,
                fused=True,
                weight_decay=weight_decay,
                momentum=self._momentum,
                lr=self._rate,
                dampening=0.0,
                nesterov=self._momentum > 0,
                maximize=False,
            )
            self.momenta |= {weight: each for weight, each in zip(moved, momenta, strict=True) if each is not None}

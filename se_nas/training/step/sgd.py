"""SGD with Nesterov momentum by torch's fused kernels, as in `torch.optim.SGD`.

`torch.optim.SGD` is not used, because the first `torch.optim.Optimizer` of a process loads torch's compiler. This takes
two seconds at the start of every worker. With some versions of torch, its stack frames, and the network in them, also
stay in memory for ever.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim.sgd import sgd


class Sgd:
    """SGD with Nesterov momentum. Weight decay does not apply to norms and biases (He et al., arXiv 1812.01187, section
    3.1).

    `rate` () is a tensor, so that a CUDA graph sees it change. `momenta` holds the momentum of each updated weight.
    """

    def __init__(self, weights: Sequence[nn.Parameter], *, rate: Tensor, momentum: float, weight_decay: float) -> None:
        self.momenta: dict[nn.Parameter, Tensor] = {}
        self._rate, self._momentum = rate, momentum
        self._groups = [
            ([weight for weight in weights if weight.ndim > 1], weight_decay),
            ([weight for weight in weights if weight.ndim <= 1], 0.0),
        ]

    def forget_gradients(self) -> None:
        """Remove all gradients. Call it before each backward pass."""
        for weights, _ in self._groups:
            for weight in weights:
                weight.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Update the weights once. Weights without a gradient stay unchanged."""
        for weights, weight_decay in self._groups:
            moved = [weight for weight in weights if weight.grad is not None]
            momenta = self._momenta_of(moved)
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

    def _momenta_of(self, weights: Sequence[nn.Parameter]) -> list[Tensor | None]:
        """The momentum of each weight; None if no weight has any yet.

        The fused kernel takes all or none. A weight that gets its first gradient later than others begins at zero,
        which has the same result.
        """
        known = [self.momenta.get(weight) for weight in weights]
        if all(each is None for each in known):
            return known
        return [torch.zeros_like(weight) if each is None else each for weight, each in zip(weights, known, strict=True)]
